// fhirclient, the SMART on FHIR library, against an open server, as its documentation uses it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import FHIR from "fhirclient";
import { patient, startService, transaction } from "./service.mjs";

let service;
let client;
before(async () => {
  service = await startService();
  client = new FHIR.FhirClient(service.base);
});
after(() => service?.stop());

test("the release of the server is found", async () => {
  assert.equal(await client.getFhirVersion(), "4.0.1");
  assert.equal(await client.getFhirRelease(), 4);
});

test("a resource is created, read, updated, patched and deleted", async () => {
  const made = await client.create(patient("smart-1", { active: true }));
  assert.deepEqual(await client.fhirRequest(`Patient/${made.id}`), made);
  const updated = await client.update({ ...made, gender: "female" });
  assert.equal(updated.meta.versionId, "2");
  const patched = await client.patch(`Patient/${made.id}`, [{ op: "replace", path: "/active", value: false }]);
  assert.deepEqual([patched.active, patched.meta.versionId], [false, "3"]);
  await client.delete(`Patient/${made.id}`);
  await assert.rejects(client.fhirRequest(`Patient/${made.id}`), (error) => error.status === 410);
});

test("pages and resources are gone through", async () => {
  for (let number = 0; number < 7; number += 1) {
    await client.create(patient("smart-page", { name: [{ family: `Page-${number}` }] }));
  }
  const url = "Patient?identifier=smart-page&_sort=family&_count=3";
  const sizes = [];
  for await (const page of client.pages(url)) sizes.push(page.entry.length);
  assert.deepEqual(sizes, [3, 3, 1]);
  const names = [];
  for await (const found of client.resources(url)) names.push(found.name[0].family);
  assert.deepEqual(names, [0, 1, 2, 3, 4, 5, 6].map((number) => `Page-${number}`));
});

test("a transaction, then the references of what it made are resolved", async () => {
  const options = { method: "POST", body: JSON.stringify(transaction("smart-tx")) };
  const headers = { "content-type": "application/fhir+json" };
  const answer = await client.fhirRequest(service.base, { ...options, headers });
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  const found = await client.fhirRequest("Condition?patient.identifier=smart-tx");
  const condition = found.entry[0].resource;
  await client.resolveReferences(condition, ["subject"]);
  assert.equal(condition.subject.identifier[0].value, "smart-tx");
});

test("the client of the SMART API reads from an open server", async () => {
  await client.create(patient("smart-open"));
  const smart = FHIR({ headers: {}, url: "/" }, {}, storage()).client({ serverUrl: service.base });
  const everyone = await smart.request("Patient?identifier=smart-open", { flat: true, pageLimit: 0 });
  assert.equal(everyone.length, 1);
});

function storage() {
  const kept = new Map();
  return {
    get: async (key) => kept.get(key),
    set: async (key, value) => kept.set(key, value),
    unset: async (key) => kept.delete(key),
  };
}
