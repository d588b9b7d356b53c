/** Preloaded into the demo's children: they end when the demo is gone, however it went. */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// The listener alone would keep a child alive that has nothing left to do.
process.channel?.unref();
