// Large pieces of work that come at once (pages of lists from several clusters) get turns of the event loop, one each.

const waiting: (() => void)[] = [];
let scheduled = false;

/** Resolves in a turn of the event loop that no other caller gets, first come, first served; timers and sockets come between. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (!scheduled) schedule();
  });
}

function schedule(): void {
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    const next = waiting.shift();
    if (waiting.length > 0) schedule();
    next?.();
  });
}
