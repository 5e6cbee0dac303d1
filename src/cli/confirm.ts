// Asks before something is changed.
import { createInterface } from 'node:readline/promises';
import { CliError } from './errors.ts';

/**
 * True when the user answers yes on the terminal. Without a terminal nobody can answer: throws CliError that names -y.
 * `input` must not be used for the document too (`-f -`).
 */
export async function confirm(question: string, what: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new CliError(
      `${what} needs a confirmation and standard input is no terminal: add -y to go on without asking`,
    );
  }
  const readline = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await readline.question(`${question} Proceed? (y/N) `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    readline.close();
  }
}
