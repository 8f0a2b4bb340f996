// The client of @medplum/core, with the FHIR base of another server than Medplum's.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { patient, startService, transaction } from "./service.mjs";

// Its subscriptions name WebSocket when it is loaded, which Node has of itself from 22 on. None is opened here.
globalThis.WebSocket ??= class extends EventTarget {};
const { MedplumClient } = await import("@medplum/core");

let service;
let medplum;
before(async () => {
  service = await startService();
  medplum = new MedplumClient({ baseUrl: service.address, fhirUrlPath: "fhir/", fetch, cacheTime: 0, maxRetries: 0 });
});
after(() => service?.stop());

test("a resource is created, read, updated, patched and deleted", async () => {
  const made = await medplum.createResource(patient("medplum-1", { active: true }));
  assert.deepEqual({ ...(await medplum.readResource("Patient", made.id)) }, made);
  const updated = await medplum.updateResource({ ...made, gender: "female" });
  assert.equal(updated.meta.versionId, "2");
  const patched = await medplum.patchResource("Patient", made.id, [
    { op: "test", path: "/gender", value: "female" },
    { op: "replace", path: "/active", value: false },
  ]);
  assert.deepEqual([patched.active, patched.meta.versionId], [false, "3"]);
  const history = await medplum.readHistory("Patient", made.id);
  assert.equal(history.entry.length, 3);
  assert.equal((await medplum.readVersion("Patient", made.id, "1")).gender, undefined);
  await medplum.deleteResource("Patient", made.id);
  await assert.rejects(medplum.readResource("Patient", made.id));
});

test("search gives resources, one of them, and pages of them", async () => {
  for (let number = 0; number < 7; number += 1) {
    await medplum.createResource(patient("medplum-page", { name: [{ family: `Page-${number}` }] }));
  }
  const query = { identifier: "medplum-page", _sort: "family", _count: 3 };
  const found = await medplum.searchResources("Patient", query);
  assert.deepEqual(found.map((one) => one.name[0].family), ["Page-0", "Page-1", "Page-2"]);
  assert.equal((await medplum.searchOne("Patient", "name=Page-4")).name[0].family, "Page-4");
  const names = [];
  for await (const page of medplum.searchResourcePages("Patient", query)) names.push(page.map((one) => one.name[0].family));
  assert.deepEqual(names.map((page) => page.length), [3, 3, 1]);
});

test("a resource is made once, and made or updated, by a query", async () => {
  const query = "identifier=urn:example:npm|medplum-once";
  const first = await medplum.createResourceIfNoneExist(patient("medplum-once"), query);
  const again = await medplum.createResourceIfNoneExist(patient("medplum-once"), query);
  assert.equal(again.id, first.id);
  const upserted = await medplum.upsertResource(patient("medplum-once", { gender: "male" }), query);
  assert.deepEqual([upserted.id, upserted.gender], [first.id, "male"]);
});

test("a transaction, everything of the patient it made, and a validation", async () => {
  const answer = await medplum.executeBatch(transaction("medplum-tx"));
  assert.deepEqual(answer.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  const { id } = await medplum.searchOne("Patient", "identifier=medplum-tx");
  const everything = await medplum.readPatientEverything(id);
  assert.deepEqual(everything.entry.map((entry) => entry.resource.resourceType).sort(), ["Condition", "Patient"]);
  const outcome = await medplum.validateResource(patient("medplum-valid"));
  assert.equal(outcome.resourceType, "OperationOutcome");
});
