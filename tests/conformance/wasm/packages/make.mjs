// Makes the components that test_wasm_packages.py runs: node make.mjs FOLDER
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';
import { componentEmbed, componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const fetched = (path) => here(join('node_modules', path));
const target = process.argv[2];

await copyFile(fetched('@golemcloud/golem-ts-sdk/wasm/agent_guest.wasm'), join(target, 'golem.wasm'));

// jco carries its tools as the core modules that it took out of their components; the same tools put them in again.
const adapter = await readFile(fetched('@bytecodealliance/jco/lib/wasi_snapshot_preview1.reactor.wasm'));
await writeFile(join(target, 'adapter.wasm'), adapter);
for (const [name, module] of [['tools', 'wasm-tools'], ['bindgen', 'js-component-bindgen-component']]) {
  const binary = await readFile(fetched(`@bytecodealliance/jco-transpile/vendor/${module}.core.wasm`));
  const embedded = await componentEmbed({ binary, witSource: await readFile(here(`${name}.wit`), 'utf8') });
  await writeFile(join(target, `${name}.core.wasm`), embedded);
  await writeFile(join(target, `${name}.wasm`), await componentNew(embedded, [['wasi_snapshot_preview1', adapter]]));
}

const { component } = await componentize({
  sourcePath: here('sample.js'),
  witWorld: await readFile(here('sample.wit'), 'utf8'),
  worldName: 'sample',
  disableFeatures: ['http', 'fetch-event'],
});
await writeFile(join(target, 'sample.wasm'), component);
