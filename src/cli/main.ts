// Entry point of `isthmus` and `istioctl`: runs one command, shows its error, sets the exit code.
import { basename } from 'node:path';
import { CommanderError } from 'commander';
import { elsewhere } from './elsewhere.ts';
import { describeError } from './errors.ts';
import { createProgram } from './program.ts';

// A reader that closed the pipe (`istioctl … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const called = basename(process.env.ISTHMUS_PROGRAM ?? 'istioctl');
try {
  await createProgram(called).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
    const hint = elsewhere(error.message);
    if (hint) console.error(hint);
  } else {
    const { text, exitCode } = describeError(error);
    console.error(`Error: ${text}`);
    process.exitCode = exitCode;
  }
}
