// `istioctl completion bash|zsh|fish`: a script for the shell, made from the commands themselves.
import { Command, type Option } from 'commander';
import { CliError } from './errors.ts';

/** The command. */
export function completionCommand(): Command {
  return new Command('completion')
    .argument('<shell>', 'bash, zsh or fish')
    .description('print a completion script: source <(istioctl completion bash)')
    .option('--no-descriptions', 'accepted for compatibility')
    .action((shell: string, _flags: unknown, command: Command) => {
      const script = completionScript(shell, command.parent!);
      if (script === undefined) throw new CliError(`completion ${shell}: there are bash, zsh and fish`);
      process.stdout.write(script);
    });
}

interface Place {
  /** Words after the program's name, e.g. `profile dump`. */
  readonly words: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly flags: readonly string[];
}

/** The script for a shell; undefined for a shell we do not know. */
export function completionScript(shell: string, program: Command): string | undefined {
  const places = walk(program, program.options);
  if (shell === 'bash') return bash(program.name(), places);
  if (shell === 'zsh')
    return `#compdef ${program.name()}\nautoload -U +X bashcompinit && bashcompinit\n${bash(program.name(), places)}`;
  if (shell === 'fish') return fish(program.name(), places);
  return undefined;
}

function walk(command: Command, global: readonly Option[], words: readonly string[] = []): Place[] {
  const own = command.parent ? [...command.options, ...global] : command.options;
  const flags = [...own.flatMap(({ long }) => (long ? [long] : [])), '--help'];
  const commands = command.commands.flatMap((child) =>
    [child.name(), ...child.aliases()].map((name) => ({ name, about: child.description() })),
  );
  const children = command.commands.flatMap((child) =>
    [child.name(), ...child.aliases()].flatMap((name) => walk(child as Command, global, [...words, name])),
  );
  return [{ words: words.join(' '), commands, flags }, ...children];
}

function bash(name: string, places: readonly Place[]): string {
  const id = `_${name.replace(/\W/g, '_')}_complete`;
  const cases = places.map(({ words, commands, flags }) => {
    const choices = [...commands.map((command) => command.name), ...flags].join(' ');
    return `    "${words}") choices="${choices}" ;;`;
  });
  return `${id}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" word choices known=" ${places
    .map(({ words }) => words.replaceAll(' ', '/'))
    .filter(Boolean)
    .join(' ')} "
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    local next="\${words:+$words }$word"
    case "$known" in *" \${next// //} "*) words="$next" ;; esac
  done
  case "$words" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F ${id} ${name}
`;
}

function fish(name: string, places: readonly Place[]): string {
  const quote = (text: string) => `'${text.replace(/['\\]/g, (c) => `\\${c}`)}'`;
  const lines = places.flatMap(({ words, commands, flags }) => {
    const seen = words
      .split(' ')
      .filter(Boolean)
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const not = commands.length > 0 ? [`not __fish_seen_subcommand_from ${commands.map((c) => c.name).join(' ')}`] : [];
    const at = quote([...seen, ...not].join('; and ') || 'true');
    return [
      ...commands.map((command) => `complete -c ${name} -f -n ${at} -a ${command.name} -d ${quote(command.about)}`),
      ...flags.map((flag) => `complete -c ${name} -n ${at} -l ${flag.slice(2)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}
