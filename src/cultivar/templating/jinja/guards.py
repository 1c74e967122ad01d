"""Jinja's sandbox with a meter on all that loops, grows or recurs.

The invariant: no template that it renders can hold the process or fill its memory. What takes
time is counted where it turns (loops, calls, filters); what takes memory, before it is made.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from string import Formatter
from types import BuiltinMethodType, CodeType, MethodType, ModuleType
from typing import Any

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator, Frame, operators, optimizeconst
from jinja2.runtime import Context, markup_join, str_join
from jinja2.sandbox import SandboxedEnvironment, SandboxedEscapeFormatter, SandboxedFormatter
from jinja2.utils import LRUCache
from markupsafe import Markup

from cultivar.templating.jinja.growth import FILTERS, check_method, check_percent
from cultivar.templating.jinja.meter import LIMITS, SIZED, Meter, RenderLimits

_TICK = "meter.tick()"
_WIDE = re.compile(r"\d{6}")


class _Generator(CodeGenerator):
    """Writes the meter's calls into the code of a template."""

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        """A loop that counts its turns, those that its condition passes over too."""
        tick = nodes.EnvironmentAttribute(_TICK, lineno=node.lineno)
        if node.test is not None:
            node.test = nodes.And(tick, node.test, lineno=node.lineno)
        node.body = [nodes.ExprStmt(tick, lineno=node.lineno), *node.body]
        super().visit_For(node, frame)

    @optimizeconst
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """`a ~ b`, its parts counted before they are joined."""
        self.write("environment.join(context, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    @optimizeconst
    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802
        """A comparison, its sides counted: nested lists compare item by item."""
        self.write("(")
        self._visit_weighed(node.expr, frame)
        for operand in node.ops:
            self.write(f" {operators[operand.op]} ")
            self._visit_weighed(operand.expr, frame)
        self.write(")")

    @optimizeconst
    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        """A subscript; what a slice copies is counted."""
        if isinstance(node.arg, nodes.Slice):
            self.write("environment.meter.made(")
            super().visit_Getitem(node, frame)
            self.write(")")
        else:
            super().visit_Getitem(node, frame)

    def _visit_weighed(self, node: nodes.Expr, frame: Frame) -> None:
        if isinstance(node, nodes.Const):
            self.visit(node, frame)
            return
        self.write("environment.meter.weigh_container(")
        self.visit(node, frame)
        self.write(")")


class _MeteredFields(Formatter):
    """`str.format` that refuses widths which only a bomb has."""

    meter: Meter

    def format_field(self, value: Any, format_spec: str) -> str:
        """The text of one field."""
        if found := _WIDE.search(format_spec):
            self.meter.widen(int(format_spec[found.start() : found.start() + 20].split(".")[0], 10))
        self.meter.weigh(value)
        text = str(super().format_field(value, format_spec))
        self.meter.made(text)
        return text


class _Plain(_MeteredFields, SandboxedFormatter):
    pass


class _Escaping(_MeteredFields, SandboxedEscapeFormatter):
    pass


class GuardedEnvironment(SandboxedEnvironment):
    """Jinja's sandbox, metered.

    Args:
        limits: What one render may use.
        options: Jinja's own.
    """

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, limits: RenderLimits = LIMITS, **options: Any) -> None:
        super().__init__(finalize=self._written, **options)
        self.meter = Meter(limits)
        self._texts: Any = LRUCache(500)
        self.globals["lipsum"] = self._lipsum(self.globals["lipsum"])

    def compiled(self, text: str) -> Template:
        """`text`, compiled once for as long as it is used."""
        found: Template | None = self._texts.get(text)
        if found is None:
            code, names = self._code(text), self.make_globals(None)
            found = self._texts[text] = self.template_class.from_code(self, code, names)
        return found

    def _code(self, text: str) -> CodeType:
        """What `text` compiles to; the files' cache has room for texts too."""
        cache = self.bytecode_cache
        if cache is None:
            return self.compile(text)
        bucket = cache.get_bucket(self, "", None, text)
        if bucket.code is None:
            bucket.code = self.compile(text)
            cache.set_bucket(bucket)
        return bucket.code

    def add_filters(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        """Take `filters` in, and put the meter on all filters and tests."""
        known: dict[str, Any] = dict(self.filters)
        for name, function in {**known, **filters}.items():
            self.filters[name] = self._metered(function, FILTERS.get(name))
        tests: dict[str, Any] = dict(self.tests)
        for name, function in tests.items():
            self.tests[name] = self._metered(function, None)

    def _metered(
        self, function: Callable[..., Any], check: Callable[..., None] | None
    ) -> Callable[..., Any]:
        skipped = 1 if getattr(function, "jinja_pass_arg", None) is not None else 0

        @functools.wraps(function)
        def counted(*args: Any, **named: Any) -> Any:
            meter = self.meter
            meter.tick()
            if check is not None and hasattr(args[skipped], "__next__"):
                args = (*args[:skipped], list(args[skipped]), *args[skipped + 1 :])
            for value in (*args[skipped:], *named.values()):
                meter.weigh_container(value)
            if check is not None:
                check(meter, *args[skipped:], **named)
            return meter.made(function(*args, **named))

        return counted

    def _lipsum(self, function: Any) -> Callable[..., Any]:
        def lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> Any:
            self.meter.charge(10 * n * max)
            return function(n=n, html=html, min=min, max=max)

        return lipsum

    def _written(self, value: Any) -> Any:
        if type(value) is str:
            return value
        return self.meter.weigh_container(value)

    def concat(self, parts: Iterable[str]) -> str:
        """The text of a template, a macro or a block."""
        pieces = list(parts)
        self.meter.charge(sum(map(len, pieces)))
        return "".join(pieces)

    def join(self, context: Context, parts: tuple[Any, ...]) -> str:
        """`a ~ b ~ c`."""
        for part in parts:
            self.meter.weigh(part)
        return markup_join(parts) if context.eval_ctx.autoescape else str_join(parts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator that can make much of little."""
        self.meter.tick()
        if operator == "+":
            self.meter.made(left)
            self.meter.made(right)
        elif operator == "*":
            self._check_times(left, right)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int):
                self.meter.number(abs(left).bit_length() * max(right, 1))
        elif isinstance(left, str | bytes):
            check_percent(self.meter, left, right)
        return self.meter.made(super().call_binop(context, operator, left, right))

    def _check_times(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            self.meter.number(left.bit_length() + right.bit_length())
        pairs: list[tuple[Any, Any]] = [(left, right), (right, left)]
        for value, count in pairs:
            if isinstance(value, SIZED) and isinstance(count, int):
                self.meter.charge(len(value) * max(count, 0))

    def call(__self, __context: Context, __obj: Any, *args: Any, **named: Any) -> Any:  # noqa: N805
        """A call, counted with what it is given and what it gives back."""
        meter = __self.meter
        meter.tick()
        for value in (*args, *named.values()):
            meter.weigh_container(value)
        args = check_method(meter, __obj, args, named)
        return meter.made(super().call(__context, __obj, *args, **named))

    def _load_template(self, name: str, globals: Any) -> Template:
        """A template that is rendered, included, imported or extended."""
        self.meter.tick()
        self.meter.loaded.add(name)
        return super()._load_template(name, globals)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Nothing leads to a module, whatever object holds one."""
        if isinstance(value, ModuleType) or (isinstance(obj, PurePath) and attr == "parser"):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` and `format_map`, whose fields could be as wide as they like."""
        if not isinstance(value, MethodType | BuiltinMethodType):
            return None
        text: Any = value.__self__
        if value.__name__ not in ("format", "format_map") or not isinstance(text, str):
            return None
        formatter: _MeteredFields = _Plain(self)
        if isinstance(text, Markup):
            formatter = _Escaping(self, escape=text.escape)
        formatter.meter = self.meter
        mapped = value.__name__ == "format_map"

        def fill(*args: Any, **named: Any) -> str:
            values, fields = ((), args[0]) if mapped else (args, named)
            return type(text)(formatter.vformat(text, values, fields))

        return fill
