// A script of commands under headings, as the samples keep the guide: shown and run one block at a time.

export interface Block {
  readonly title: string;
  /** Shell text exactly as written, without the heading. */
  readonly commands: string;
}

/**
 * Splits a script at its `## heading` lines. Comments before the first heading are for readers of the file only.
 */
export function parseScript(text: string): Block[] {
  const blocks: Block[] = [];
  for (const part of text.split(/^## /m).slice(1)) {
    const [title = '', ...lines] = part.split('\n');
    blocks.push({ title: title.trim(), commands: lines.join('\n').trim() });
  }
  return blocks;
}
