/** The text that a persistent shell runs: it takes commands from its control socket one after the other, and keeps its state. */

/**
 * Descriptor 8 is the control socket, 6 and 7 what stdout and stderr were at first (a command may move its own by `exec`); none of them
 * is a command's. A command is sourced and not evaluated in a function, so that `declare` makes what stays, and so that the trap can
 * end it by `return`: a loop of the shell's own has no process to kill. The status of the last one is `$?` for the next.
 *
 * Two lines each way: the command, with its newlines and backslashes escaped; its status and directory, up to a NUL; then a mark, chosen
 * only now, so that nothing the command wrote can be it; and the mark behind all that it wrote.
 *
 * A signal may find the shell before it has taken a line that is there already: what waited in the kernel fails with EINTR then. bash says
 * 128 and more of it; of dash's 1, which is that of an end too, only the trap knows.
 */
const BEFORE = `
exec 8<&0 6>&1 7>&2 </dev/null
_pinfold_status=0 _pinfold_on=
_pinfold_again() { return "$1"; }
_pinfold_read() {
	while :; do
		_pinfold_cut=
		IFS= read -r _pinfold_line <&8 && return
		[ "$?" -gt 128 ] || [ "$_pinfold_cut" ] || exit 0
	done
}`;

const LOOP = String.raw`
while :; do
	if [ "$_pinfold_on" ]; then
	_pinfold_status=130 _pinfold_on=
	else
	trap 'case $_pinfold_on in 1) return 130 ;; *) _pinfold_cut=1 ;; esac' INT TERM
	_pinfold_read
	_pinfold_text=$(printf '%b.' "$_pinfold_line")
	_pinfold_on=1
	_pinfold_again "$_pinfold_status"
	SOURCE /dev/fd/9 6>&- 7>&- 8>&- 9<<PINFOLD_END
${'$'}{_pinfold_text%.}
PINFOLD_END
	_pinfold_status=$? _pinfold_on=
	fi
	printf '%s %s\0' "$_pinfold_status" "$PWD" >&8
	_pinfold_read
	printf '%s' "$_pinfold_line" >&6
	printf '%s' "$_pinfold_line" >&7
done`;

/**
 * A trap that comes just before a command is sourced, or just after, returns from no function: that ends dash, while bash goes on.
 * Here it is one, which begins anew and says that the command was interrupted. (In bash what is declared would be local to it.)
 */
const AGAIN = `${BEFORE}
_pinfold_loop() {${LOOP}
}
while :; do _pinfold_loop; done`;

export type ShellKind = 'bash' | 'sh';

export function shellArgv(kind: ShellKind): string[] {
  // In sh a syntax error in a sourced file ends the shell unless it is sourced by way of "command".
  if (kind === 'sh') return ['sh', '-c', AGAIN.replace('SOURCE', 'command .'), 'sh'];
  return ['bash', '--noprofile', '--norc', '-c', `${BEFORE}${LOOP.replace('SOURCE', '.')}`, 'bash'];
}

/** One line, for `printf %b`. */
export function escapedLine(command: string): string {
  return `${command.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`;
}
