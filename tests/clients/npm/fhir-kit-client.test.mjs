// fhir-kit-client, as its README uses it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CapabilityTool, Client } from "fhir-kit-client";
import { patient, startService, transaction } from "./service.mjs";

let service;
let client;
before(async () => {
  service = await startService();
  client = new Client({ baseUrl: service.base });
});
after(() => service?.stop());

const status = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error.response?.status ?? error.status ?? error;
  }
  return "no error";
};

test("a resource is created, read, updated, patched and deleted", async () => {
  const made = await client.create({ resourceType: "Patient", body: patient("kit-1", { active: true }) });
  assert.equal(Client.httpFor(made).response.status, 201);
  assert.deepEqual(await client.read({ resourceType: "Patient", id: made.id }), made);
  const updated = await client.update({ resourceType: "Patient", id: made.id, body: { ...made, gender: "female" } });
  assert.equal(updated.meta.versionId, "2");
  const patched = await client.patch({
    resourceType: "Patient",
    id: made.id,
    jsonPatch: [
      { op: "replace", path: "/active", value: false },
      { op: "add", path: "/name", value: [{ text: "Jay" }] },
    ],
  });
  assert.deepEqual([patched.active, patched.name[0].text, patched.meta.versionId], [false, "Jay", "3"]);
  const first = await client.vread({ resourceType: "Patient", id: made.id, version: "1" });
  assert.equal(first.gender, undefined);
  const history = await client.history({ resourceType: "Patient", id: made.id });
  assert.deepEqual(history.entry.map((entry) => entry.resource.meta.versionId), ["3", "2", "1"]);
  await client.delete({ resourceType: "Patient", id: made.id });
  assert.equal(await status(client.read({ resourceType: "Patient", id: made.id })), 410);
});

test("search goes through all pages and back", async () => {
  for (let number = 0; number < 7; number += 1) {
    await client.create({ resourceType: "Patient", body: patient("kit-page", { name: [{ family: `Page-${number}` }] }) });
  }
  const searchParams = { identifier: "kit-page", _count: "3", _sort: "family" };
  let bundle = await client.search({ resourceType: "Patient", searchParams });
  const names = [];
  const pages = [];
  while (bundle) {
    pages.push(bundle);
    names.push(...bundle.entry.map((entry) => entry.resource.name[0].family));
    bundle = await client.nextPage({ bundle });
  }
  assert.deepEqual(names, [0, 1, 2, 3, 4, 5, 6].map((number) => `Page-${number}`));
  assert.equal(pages.length, 3);
  const posted = await client.search({ resourceType: "Patient", searchParams, options: { postSearch: true } });
  assert.deepEqual(posted.entry.map((entry) => entry.fullUrl), pages[0].entry.map((entry) => entry.fullUrl));
});

test("a transaction, then a search in the compartment of the patient it made, and everything", async () => {
  const answer = await client.transaction({ body: transaction("kit-tx") });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  const found = await client.search({ resourceType: "Patient", searchParams: { identifier: "kit-tx" } });
  const { id } = found.entry[0].resource;
  const compartment = { resourceType: "Patient", id };
  const conditions = await client.compartmentSearch({ resourceType: "Condition", compartment });
  assert.equal(conditions.entry.length, 1);
  assert.equal(conditions.entry[0].resource.subject.reference, `Patient/${id}`);
  const everything = await client.operation({ name: "everything", resourceType: "Patient", id, method: "GET" });
  assert.equal(everything.entry.length, 2);
  const all = await client.systemSearch({ searchParams: { _type: "Patient,Condition", _id: id } });
  assert.equal(all.entry.length, 1);
  const batch = await client.batch({
    body: {
      resourceType: "Bundle",
      type: "batch",
      entry: [
        { request: { method: "GET", url: `Patient/${id}` } },
        { request: { method: "GET", url: `Condition?patient=${id}` } },
      ],
    },
  });
  assert.deepEqual(batch.entry.map((entry) => entry.response.status.slice(0, 3)), ["200", "200"]);
});

test("a conditional update and a validation", async () => {
  const searchParams = { identifier: "urn:example:npm|kit-conditional" };
  const first = await client.update({ resourceType: "Patient", searchParams, body: patient("kit-conditional") });
  const second = await client.update({
    resourceType: "Patient",
    searchParams,
    body: patient("kit-conditional", { gender: "male" }),
  });
  assert.deepEqual([second.id, second.meta.versionId], [first.id, "2"]);
  const outcome = await client.operation({ name: "validate", resourceType: "Patient", input: { ...patient("x"), birthDate: "x" } });
  assert.ok(outcome.issue.some((issue) => issue.severity === "error" && issue.expression[0] === "Patient.birthDate"));
});

test("what the CapabilityStatement says can be asked with its tool", async () => {
  const tool = new CapabilityTool(await client.capabilityStatement());
  assert.ok(tool.serverCan("transaction"));
  assert.ok(tool.resourceCan("Patient", "read"));
  assert.ok(tool.resourceCan("Patient", "patch"));
});

test("a refusal names the parameter", async () => {
  const error = await client
    .search({ resourceType: "Patient", searchParams: { birthdate: "yesterday" } })
    .then(() => assert.fail("not refused"), (refused) => refused);
  assert.equal(error.response.status, 400);
  assert.deepEqual(error.response.data.issue[0].expression, ["http.birthdate"]);
});
