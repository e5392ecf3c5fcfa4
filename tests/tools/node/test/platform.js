'use strict';
// What programs for Node.js lean on, each a test of node's own runner.
const assert = require('node:assert');
const { test } = require('node:test');
const { once } = require('node:events');
const child = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');

test('worker threads share memory', async () => {
  const shared = new SharedArrayBuffer(4);
  const counter = new Int32Array(shared);
  const body = `const { workerData } = require('node:worker_threads');
    const counter = new Int32Array(workerData);
    for (let n = 0; n < 1000; n++) Atomics.add(counter, 0, 1);`;
  const workers = Array.from({ length: 8 }, () => new Worker(body, { eval: true, workerData: shared }));
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  assert.strictEqual(counter[0], 8000);
});

test('children of every kind', async () => {
  const { stdout } = await promisify(child.execFile)('echo', ['child']);
  assert.strictEqual(stdout, 'child\n');
  assert.strictEqual(child.spawnSync('sh', ['-c', 'exit 3']).status, 3);
  const fork = child.fork(__filename.replace('test/platform', 'echo'));
  fork.send({ n: 41 });
  assert.deepStrictEqual((await once(fork, 'message'))[0], { n: 42 });
  fork.disconnect();
  const asleep = child.spawn('sleep', ['60'], { detached: true });
  asleep.kill();
  assert.strictEqual((await once(asleep, 'exit'))[1], 'SIGTERM');
});

test('changes of files are seen', async () => {
  const directory = fs.mkdtempSync('watched-');
  const watcher = fs.watch(directory);
  setTimeout(() => fs.writeFileSync(`${directory}/file`, 'x'), 20);
  assert.strictEqual((await once(watcher, 'change'))[1], 'file');
  watcher.close();
});

test('the pool reads, hashes and packs', async () => {
  const file = await fs.promises.readFile(__filename);
  const key = await promisify(crypto.pbkdf2)('a', file, 1000, 16, 'sha256');
  assert.strictEqual(key.length, 16);
  const packed = await promisify(require('node:zlib').gzip)(file);
  assert(packed.length < file.length);
  await fs.promises.cp('test', 'copy', { recursive: true });
  await fs.promises.rm('copy', { recursive: true });
});

test('servers on loopback and on a socket of the file system', async () => {
  for (const place of [{ host: '127.0.0.1', port: 0 }, { path: `${process.cwd()}/socket` }]) {
    const server = net.createServer((peer) => peer.end('hi')).listen(place);
    await once(server, 'listening');
    const at = place.path ? place : { host: 'localhost', family: 4, port: server.address().port };
    assert.strictEqual(String((await once(net.connect(at), 'data'))[0]), 'hi');
    server.close();
  }
  const server = http.createServer((_, answer) => answer.end('page')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const page = await fetch(`http://127.0.0.1:${server.address().port}/`);
  assert.strictEqual(await page.text(), 'page');
  server.closeAllConnections();
  server.close();
});
