"""The words that a failure's signature may consist of when it leaves the machine.

They are those with which the common tools say what is wrong: compilers, type checkers, linters and
test runners, the exceptions of Python and of Elixir. None of them is anybody's own.
"""

from __future__ import annotations

import builtins
from typing import Final

from cultivar.memory.neutral import KNOWN

_WORDS = """
a able abort aborted about abs absolute abstract accept access accessed accessible add adding addr
address affect after against alias aliased aliases aliasing all allowed allows already also always
ambiguity ambiguous an analysis analyze analyzed and annotated annotation annotations anonymous
another any anything appears application applied apply arbitrary are arg args argument arguments
arity around as ascii asked assert asserting assertion assign assignable assigned assigning
assignment assignments async at attacks attempted attr attribute attributes automatically available
avoid avoided await bad banned bare base bases bash be because becomes been before beginning behave
behavior behaviour behaviours being between binary bind binding black blank blind block blocking
blocks bodies body boolean borrow borrowed borrows both bound bounds branch branches broad broken
buffer build built builtin builtins but by byte bytes call callable callback callbacks called
calling calls can candidate cannot capitalized cargo case cast catch cause chained change changed
changes channels char character characters check checkers checking checks circular clang class
classes classmethod clause clauses clear clippy clobbered closed closing closure cls code codes
collection colon color combine come comma command commands comment comments compare compared
comparing comparison comparisons compatible compilation compile compiled compiler comprehension
compression compute concatenate concatenated concatenation concrete condition conditionally
configuration conflict conflicting conflicts confusion connect connection consecutive consequence
consider considered consistent constant constraint construct constructing construction constructor
contain container contains content context contexts contravariant contravariantly control conversion
convert copy core coroutine correct corresponding could count covariant coverage cpp cpu crash
crashed crate create credo csharp css csv current cursor custom cyclic dangerous data dataclass
datetime dead deadlock decimal declaration declarations declare declared decorated decorator
decorators def default defaults defer define defined defines defining definition definitions deleted
delimiter delimiters denied dependencies dependency deprecated deprecation dereference derived
description detail detect detected determine device dialyzer dict dictionary did diff differ
differing differs directly directories directory disabled disallowed discard discarded discouraged
disk distinguish division divisor do doc docker docstring docstrings documentation documented does
doesn don double dropped due dunder duplicate during dynamic each eager effect either elements
elixir ellipsis else emitted empty enabled encoding end ended enough ensure entry enum enumerate
environment equal equality equals equivalent equivalents erased erlang errno error errors escape
escaping eslint evaluate event exceed exceeded exceeds except exception exceptions excluding
exclusive executable execution exhausted exist existing exists exit exitcode exited expand expanded
expected expects expired explain explicit explicitly export exported exports expression expressions
external extra extract fail failed fails failure failures false falsy family fatal fetch few field
fields file files final find finds fine finished first fix fixed fixture fixtures flag flake float
follow followed following for fork form format formatted formatter formatting forward found frame
free from full function functional functionality functions future gcc generate generator generic
gets given global go got group guard guards handle handler handlers handling hardcoded has hash
hashable haskell have header hint how html http identified identifier if ignore ignored illegal
immediately immutable implement implementation implemented implicit implicitly implied implies
import important imported imports in included incompatible incomplete incremental indentation
indented index indexable indexed inequality infer inferred infinite inherit inherits init
initialized injection inline inner input insecure inside install installed instance instances
instantiate instantiation instead int integer integration internal interpolation into invalid
invariant invoke invoked is isolated issue it item items iterable iterating iteration its itself
java javascript jest join json key keys keyword kill killed kind kinds known kotlin kwargs label
lambda language last lazy lead leading least left legacy length level library lifetime lifetimes
like likely limit limits line lines linker lint linter linting list literal literals load loaded
loading local locals lock logging long longer lookup loop lost lowercase macro macros magic main
make makes manager mandatory many mapping marked marker mask match matched matches matching maximum
may maybe mean meaningful meant member members membership memory merge merging message messages
metaclass method methods minimum misleading mismatch mismatched missing mix mixed mixes mixin mock
mode model modified module modules modulo more most move moved moves multi multiline multiple must
mutable mutated mutation mutually mypy name named namedtuple names namespace narrowed natively need
negative neither nested network never newline no node non none nonetype nonlocal nor normal not note
notes null nullable number object objects occurred of offset omitted on once one only open opened
opening operand operands operation operations operator option or order original other out outer
output outside over overflow overlap overload overloaded overloads override overrides overwritten
owned owner package pairs panic panicked parameter parameters parentheses parse parsed parser
parsing partial parts pass passed passes path paths pattern patterns perform perhaps period
permission permitted php pickle pin pipe placed placeholder placeholders platform please plural
point pointer pointless pop port position positional positions positive possible possibly prefer
preferred prefix prefixed present prettier previously printf private probable process processes
produce produced prohibited promise properly properties property protocol protocols provider
provides public pylint pyright pytest python quality queue quote quoted quotes raise raised range
rather raw re reachable reached read readable readonly receiver recursion recursive redefine
redefined redefinition redirects redundant refer reference referenced references reformat
reformatted refused register registered regular reject related relative reload remove removed
removing rename repeated replace replaced replacement replacing report repr representation require
required requires reserved reset resolve resolved resolving resource restart result results retries
retry return returned returning returns revealed rewrite rewriting right root route ruby ruff rule
running runtime rust rustc safe safer same sample sandbox scala scope second section security see
seek seems segmentation self semantic semantics semicolon send sent separator sequence serialize
server service session set sets setter setting shadowed shadowing shebang shell short should side
sides signal signature signatures similar simple simplified since single singleton size skip skipped
sleep slice smoke so socket some sorted space spaces span spec special specific specified specifier
specify specifying speed sql stack stage stale standard star starred start started starting state
statement statements static staticmethod status still stop stopped store str stream string strings
struct structures stub stubs style subclass subclasses subscript subscriptable subscripts subtype
such suffix suggestion summary super supertype supertypes supplied support supported suppressed
suppression sure surplus swift switch symbol synchronous syntax sys system tab table tabs target
targets task teardown template templates temporary terminated terminates terminator ternary
terraform test tests text than that the them there therefore they third this thread threads through
throw thrown time timed timeout times timezone to together token toml too tool tools top trace
tracking trailing trait traits triple true truncated truth truthy try trying tsc tuple tuples twice
two type typed types typescript typing un unable unary unbalanced unbound undeclared undefined under
underflow underline underscore unescaped unexpected unfollowed unformatted unicode uninitialized
unintentional union unions unit unittest unknown unless unmatched unmet unnecessary unpack unpacked
unpacking unqualified unreachable unrecognized unreliable unsafe unsatisfied unsupported
unterminated untested untrusted untyped unused unwrap update upper url usage use used useless uses
using usually utf valid validate validation value values var variable variables variadic variant
variants verbose verify version via violation vitest void vulnerable wall warn warning warnings was
when where which while whitespace width will with within without word works would wrapped writable
write wrong xml yaml yet yield zero zip
"""

_EXCEPTIONS = """
ArgumentError AsyncNotSupported BadArityError BadFunctionError BadMapError BadStructError
CaseClauseError CompileError CondClauseError DeadlineExceeded ErlangError ExpiredError Failed
FixtureNotFound FunctionClauseError HTTPError IntegrityError JSONDecodeError MatchError
OperationalError ProgrammingError ProtocolError SkipException TimeoutExpired TokenMissingError
TryClauseError UndefinedError UndefinedFunctionError ValidationError WithClauseError
"""

_LINTERS = """
A AIR ANN ARG ASYNC B BLE C COM CPY D DJ DOC DTZ E EM ERA EXE F FA FAST FBT FIX FLY FURB G I
ICN INP INT ISC LOG N NPY PD PERF PGH PIE PL PLC PLE PLR PLW PT PTH PYI Q RET RSE RUF S SIM SLF SLOT
T TC TD TID TRY UP W YTT
"""

WORDS: Final = frozenset(_WORDS.split())
"""Words in any spelling of their first letter."""

NAMES: Final = frozenset(
    {
        *KNOWN,
        *_EXCEPTIONS.split(),
        *(name for name in vars(builtins) if name.endswith(("Error", "Exception", "Warning"))),
    }
)
"""Names of languages, and of what they raise, in this spelling alone."""

CODES: Final = tuple(_LINTERS.split())
"""What the codes of rules begin with; those of TypeScript, `TS`, are longer."""
