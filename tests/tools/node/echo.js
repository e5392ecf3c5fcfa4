'use strict';
process.on('message', ({ n }) => process.send({ n: n + 1 }));
