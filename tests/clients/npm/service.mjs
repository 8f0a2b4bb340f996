// The service in a process of its own over a fresh SQLite file, for one file of tests.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { openSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const COMMAND = process.env.FHIR_SERVICE_COMMAND ?? "fhir-service";

/** Starts the service; gives its FHIR base and how to stop it. */
export async function startService() {
  const folder = await mkdtemp(join(tmpdir(), "fhir-service-npm-"));
  const said = join(folder, "said.txt");
  const log = openSync(said, "w");
  const env = { ...process.env, FHIR_SERVICE_DATABASE_URL: `sqlite+aiosqlite:///${join(folder, "store.db")}` };
  delete env.FHIR_SERVICE_COMMAND;
  const child = spawn(COMMAND, ["serve", "--port", "0"], { env, cwd: folder, stdio: ["ignore", log, log] });
  const stop = async () => {
    child.kill();
    await rm(folder, { recursive: true, force: true });
  };
  for (let tried = 0; tried < 600; tried += 1) {
    const address = (await readFile(said, "utf8")).match(/ on (http:\/\/\S+)/)?.[1];
    if (address && (await fetch(`${address}/readyz`).then((answer) => answer.ok, () => false))) {
      return { base: `${address}/fhir`, address, stop };
    }
    if (child.exitCode !== null) break;
    await pause(100);
  }
  const words = await readFile(said, "utf8");
  await stop();
  throw new Error(`the service did not start: ${words}`);
}

/** A Patient with an identifier of our own. */
export function patient(value, more = {}) {
  return { resourceType: "Patient", identifier: [{ system: "urn:example:npm", value }], ...more };
}

/** A transaction of a patient and a condition that points at it. */
export function transaction(value) {
  const fullUrl = "urn:uuid:2f0a1c86-2b9c-4f57-9d25-5d1f4f1d0c01";
  return {
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      { fullUrl, resource: patient(value), request: { method: "POST", url: "Patient" } },
      {
        resource: { resourceType: "Condition", subject: { reference: fullUrl }, code: { text: "Cement leakage" } },
        request: { method: "POST", url: "Condition" },
      },
    ],
  };
}
