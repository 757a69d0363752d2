"""Odd but legal programs, one for each corner of the language that instrumentation could bend."""

from __future__ import annotations

import textwrap

PROGRAMS: dict[str, str] = {}
FAILING = {
    *("too many values", "too few values", "int array and float", "a tuple takes no item", "a missing name"),
    *("shapes that do not fit", "an error in a call over several lines", "an attribute that is missing"),
    *("no shape like this", "a list without shape", "not to be called", "unexpected keyword", "sum of text"),
    "a long traceback",
}


def _program(name: str, text: str) -> None:
    PROGRAMS[name] = "import numpy as np\n" + textwrap.dedent(text)


_program(
    "nested functions, nonlocal and global",
    """
    total = 0.0
    def outer(x):
        calls = 0
        def inner(y):
            nonlocal calls
            global total
            calls += 1
            total += float(y.sum())
            return y * calls
        for i in range(3):
            x = inner(x + i)
        return x, calls
    x, calls = outer(np.arange(3.0))
    """,
)
_program(
    "private names",
    """
    class _Net:
        __count = 0
        def __init__(self):
            self.__w = np.ones((2, 2))
            self.__items = [1.0, 2.0]
        def step(self):
            self.__w -= 0.1 * self.__w
            self.__w[0] += 1
            self.__items[0] *= 2
            _Net.__count += 1
            def deeper():
                self.__w *= 2
            deeper()
            return self.__w
    class __Odd:
        def __init__(self):
            self.__x = 1
            self.__x += 1
    net = _Net()
    for _ in range(3):
        w = net.step()
    odd = __Odd()
    """,
)
_program(
    "properties and slots",
    """
    class P:
        __slots__ = ("_w", "log")
        def __init__(self):
            self._w, self.log = np.zeros(2), []
        @property
        def w(self):
            self.log.append("get")
            return self._w
        @w.setter
        def w(self, value):
            self.log.append("set")
            self._w = value
    p = P()
    p.w += 1
    p.w, q = p.w * 2, 3
    p.w = p.w @ np.eye(2)
    log, w = p.log, p._w
    """,
)
_program(
    "the order of evaluation",
    """
    log = []
    def note(x):
        log.append(str(x))
        return x
    class Box:
        def __init__(self):
            object.__setattr__(self, "v", 1.0)
        def __repr__(self):
            return "box"
        def __getattr__(self, name):
            log.append("getattr " + name)
            return 5.0
        def __setattr__(self, name, value):
            log.append(f"setattr {name} {value}")
            object.__setattr__(self, name, value)
    class Items(dict):
        def __getitem__(self, key):
            log.append(f"getitem {key}")
            return super().__getitem__(key)
        def __setitem__(self, key, value):
            log.append(f"setitem {key}")
            super().__setitem__(key, value)
    box, items, a = Box(), Items(k=2.0), np.arange(4.0)
    note(a)[note(1)] = note(2.0)
    note(a)[note(0):note(2)] += note(3.0)
    note(items)[note("k")] += note(1.0)
    note(box).missing -= note(2)
    note(a)[note(1)], note(items)[note("z")], *rest = note(7.0), note(8.0), note(1), note(2)
    def bump():
        box.v = 10.0
        a[0] = 100.0
        return 1.0
    box.v += bump()
    a[0] += bump()
    a[0] = a[0] + bump()
    x = note(1) + note(2) * note(3) - note(4)
    y = note(1) < note(2) < note(0) < note(9)
    f = note(max)(note(1), note(2), key=note(abs))
    """,
)
_program(
    "tuples on the left",
    """
    X = np.arange(12.0).reshape(4, 3)
    X[0], X[1] = X[1], X[0]
    X[[2, 3]] = X[[3, 2]]
    (a, b), c = (1.0, [2.0]), 3.0
    a, *b, c = X[:, 0]
    [d, e, g] = X[0]
    h = i = X[2]
    h[0] = i[1] = 50.0
    k, X[3, 0] = X[3, 0], 9.0
    class S: pass
    s = S()
    s.W, s.b = np.ones(2), np.zeros(2)
    for s.k, X[0, 0] in [(1, 2.0), (3, 4.0)]:
        pass
    (m, (n, X[1, 1])) = 1, (2, 3.0)
    """,
)
_program(
    "too many values",
    """
    a, b = np.arange(3.0)
    """,
)
_program("too few values", "a, b, c = np.arange(2.0)\n")
_program(
    "generators that interleave",
    """
    def batches(x, n):
        for i in range(0, len(x), n):
            got = yield x[i:i + n] * 2
            if got:
                n = got
    def chain(*gens):
        for g in gens:
            yield from g
    out = []
    g = batches(np.arange(10.0), 3)
    for i, b in enumerate(g):
        out.append(b)
        for c in chain(batches(b, 1), batches(b, 2)):
            out.append(c.sum())
    h = batches(np.arange(6.0), 2)
    next(h)
    out.append(h.send(1))
    lazy = (v * w for v in np.arange(3.0) for w in np.arange(2.0))
    total = sum(lazy)
    """,
)
_program(
    "comprehensions and lambdas",
    """
    x = np.linspace(-1, 1, 5)
    a = [v * v for v in x if v > 0]
    b = {i: w for i, w in enumerate(x)}
    c = {float(v) for v in x}
    d = [[p * q for p in row] for row, q in zip(np.outer(x, x), x)]
    add = lambda u, v=2.0: (lambda w: u * v + w)
    e = [add(v)(1.0) for v in x]
    f = sorted(x, key=lambda v: -v)
    fs = [lambda t, k=k: t ** k for k in range(3)]
    g = [h(2.0) for h in fs]
    y = [last := v * 2 for v in x]
    z = [(lambda: k)() for k in range(3)]
    """,
)
_program(
    "decorators and defaults",
    """
    import functools
    def traced(scale):
        def wrap(f):
            @functools.wraps(f)
            def inner(*args, **kwargs):
                return f(*args, **kwargs) * scale
            return inner
        return wrap
    @traced(2.0)
    def f(x, act=lambda z: np.maximum(z, 0)):
        "docs"
        return act(x) + 1
    @functools.lru_cache
    def g(n):
        return n if n < 2 else g(n - 1) + g(n - 2)
    class C:
        act = staticmethod(lambda z: z * 3)
        @classmethod
        def make(cls): return cls()
        @staticmethod
        def s(x): return x + 1
    a = f(np.array([-1.0, 2.0]))
    b = g(20)
    c = C.make().act(C.s(np.ones(2)))
    p = functools.partial(f, act=np.tanh)(np.ones(2))
    q = functools.reduce(lambda u, v: u * v, np.arange(1.0, 5.0))
    r = functools.reduce(np.add, [np.ones(2)] * 3, 5.0)
    name, doc = f.__name__, f.__doc__
    """,
)
_program(
    "dataclasses, enums and named tuples",
    """
    import enum, typing
    from collections import namedtuple
    from dataclasses import dataclass, field, replace
    @dataclass
    class Layer:
        W: np.ndarray
        b: float = 0.5
        parts: list[float] = field(default_factory=lambda: [1.0, 2.0])
        def step(self):
            self.W -= 0.1 * self.W
            self.b -= 0.1 * self.b
            return replace(self, b=self.b * 2)
    class Mode(enum.Enum):
        A = 1
        B = A + 1
    Point = namedtuple("Point", "x y")
    Other = typing.NamedTuple("Other", [("x", float)])
    layers = [Layer(np.ones(2)), Layer(np.zeros(2))]
    new = [layer.step() for layer in layers]
    p = Point(np.ones(2) * 2, 1.0)
    p = p._replace(y=p.y + 1)
    module = Point.__module__, Other.__module__, type("T", (), {}).__module__
    mode = Mode.B.value
    """,
)
PROGRAMS["a future import"] = textwrap.dedent(
    '''
    """The docstring."""
    from __future__ import annotations
    import numpy as np
    x: Undefined = np.ones(2) * 2
    def f(a: Nothing) -> Never:
        """Inside."""
        y: AlsoUndefined = a * 3
        z: Missing
        return y
    w = f(x)
    doc = __doc__, f.__doc__
    "a loose string"
    '''
)
_program(
    "exceptions of all kinds",
    """
    log = []
    def f(k):
        try:
            log.append(k)
            if k == 0: return np.ones(2) * 2
            if k == 1: raise ValueError("one")
            if k == 2: np.ones(2) @ np.ones(3)
            if k == 3: {}["missing"]
            if k == 4: raise ExceptionGroup("g", [ValueError("v"), TypeError("t")])
            return 1 / (k - 5)
        except ValueError as e:
            log.append(str(e))
            return "value"
        except* KeyError if False else KeyError:
            return "key"
        else:
            log.append("else")
        finally:
            log.append("finally")
    """.replace("        except* KeyError if False else KeyError:\n", "        except KeyError:\n")
    + """
    out = []
    for k in range(7):
        try:
            out.append(f(k))
        except Exception as e:
            out.append(repr(e))
    try:
        try:
            raise ExceptionGroup("g", [ValueError("v"), TypeError("t")])
        except* ValueError as g:
            caught = [str(e) for e in g.exceptions]
            x = np.ones(2) * 3
    except ExceptionGroup as rest:
        left = str(rest.exceptions[0])
    """,
)
_program(
    "with, match, assert and del",
    """
    from contextlib import contextmanager, suppress
    log = []
    @contextmanager
    def scope(x):
        log.append("in")
        yield x * 2
        log.append("out")
    with scope(np.ones(2)) as a, scope(a + 1) as b, suppress(ZeroDivisionError):
        c = a + b
        1 / 0
    def kind(v):
        match v:
            case {"W": w, **rest} if (n := w.sum()) > 1:
                return w * n, rest
            case [x, y, *_]:
                return x * y
            case float() | int():
                return v + 1
            case _:
                return None
    d = [kind({"W": np.ones(3), "b": 1}), kind([2.0, 3.0, 4]), kind(1.5), kind("?")]
    assert (total := c.sum()) > 0, "no"
    e = [1.0, 2.0, 3.0]
    del e[1], c
    with np.errstate(all="ignore"):
        f = np.log(np.zeros(1))
    """,
)
_program(
    "loops with else, break, continue and return",
    """
    out = []
    def search(x, limit):
        for i, row in enumerate(x):
            for v in row:
                if v > limit:
                    return i, v
                if v == 3: continue
                out.append(v * 2)
            else:
                out.append("else")
        else:
            out.append("none")
    x = np.arange(6.0).reshape(2, 3)
    found = [search(x, limit) for limit in (0.5, 3, 99)]
    n = 10.0
    while (n := n / 2) > 1:
        if n < 2: break
        out.append(n)
    else:
        out.append("while else")
    k = 0
    while True:
        k += 1
        if k > 3: break
    for i in x.T:
        for j in i: break
        else: continue
    """,
)
_program(
    "recursion through loops",
    """
    def walk(n):
        s = 0.0
        for i in range(n):
            s += walk(i) * 0.5 + 1
        return s
    total = walk(5)
    def deep(n):
        return 1.0 if n == 0 else deep(n - 1) + 1.0
    depth = deep(200)
    """,
)
_program(
    "keyword names of hooks",
    """
    def f(site=1, function=2, op="x", *, self=3, value=4, target=5, owner=6, index=7, **kwargs):
        return site, function, op, self, value, target, owner, index, kwargs
    a = f(site=10, function=20, op="y", self=30, value=40, target=50, owner=60, index=70, a=1, b=2, iterable=3)
    args, kwargs = (1, 2), {"value": 3, "name": np.ones(2) * 2}
    b = f(*args, **kwargs)
    c = f(*np.arange(3.0), **dict(self=9))
    d = dict(site=1, self=2)
    """,
)
_program(
    "augmented assignment everywhere",
    """
    class S:
        def __init__(self): self.a = np.ones(3); self.l = [1.0, 2.0]; self.d = {"k": np.ones(2)}
    s = S()
    same = s.a
    s.a += 1; s.a -= 0.5; s.a *= 3; s.a /= 2; s.a //= 1; s.a **= 2; s.a %= 5
    s.l[0] += 1; s.l += [3.0]; s.l[1:] *= 2
    s.d["k"] -= 0.1; s.d["n"] = 1; s.d["n"] <<= 3; s.d["n"] |= 1; s.d["n"] ^= 2; s.d["n"] &= 255; s.d["n"] >>= 1
    m = np.eye(3)
    m[0] += 1; m[:, 1] *= 2; m[m > 1] -= 5; m[[0, 2], [1, 2]] += 7; m[1:, ::2] /= 4; m[..., 0] += m[0]; m @= m
    i = np.arange(5); i += 2; i[1:3] *= 3; i //= 2; i[[0, 0]] += 1; i <<= 1
    b = np.array([True, False]); b |= True; b ^= b; b[0] = 1
    z = np.array(3.0); z += 1; z *= z; z[...] = z + 1; z[()] -= 1
    t = (1, 2); t += (3,); text = "a"; text += "b"; text *= 2
    y = x = np.zeros(2); x += 1
    n = 5; n += 2.5; n **= 2; n = -n; n = +n; k = ~5
    u = {1}; u |= {2}
    """,
)
_program("int array and float", "a = np.arange(3)\nb = a\na += 1\na += 0.5\n")
_program("a tuple takes no item", "t = (1, [2.0])\nt[1] += [3.0]\n")
_program("a missing name", "def f():\n    x += 1\n    return x\nf()\n")
_program("shapes that do not fit", "a = np.ones((2, 3))\nb = (\n    a * 2 +\n    a.T @\n    a.T\n)\n")
_program(
    "an error in a call over several lines",
    """
    def f(a,
          b):
        return (a
                .reshape(2, 2)
                .reshape(
                    7,
                    b))
    x = f(
        np.ones(4),
        3,
    )
    """,
)
_program("an attribute that is missing", "x = np.ones(3)\ny = x.T.nothing\n")
_program("no shape like this", "x = np.ones(4)\nx.shape = (3, 3)\n")
_program("a list without shape", "x = [1]\nx.shape = (3, 3)\n")
_program("not to be called", "x = 3\nx(1)\n")
_program("unexpected keyword", "def f(a): return a\nf(1,\n  b=2)\n")
_program("sum of text", "s = sum(['a', 'b'], '')\n")
_program("a long traceback", "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(20)\n")
_program(
    "characters that are wide",
    """
    größe = np.ones(2) * 2; ñ = größe + 1; 変数 = ñ @ ñ
    text = "→ 数 " + str(变 := 变数 if False else 3)
    class Änderung:
        __ß = 1.0
        def schritt(self): self.__ß += 1; return self.__ß
    a = Änderung().schritt()
    """.replace("变数", "変数"),
)
_program(
    "operators of the user's own",
    """
    class Value:
        def __init__(self, data, parents=()):
            self.data, self.grad, self.parents, self.back = data, 0.0, parents, lambda: None
        def __add__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            out = Value(self.data + other.data, (self, other))
            def back():
                self.grad += out.grad
                other.grad += out.grad
            out.back = back
            return out
        def __mul__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            out = Value(self.data * other.data, (self, other))
            def back():
                self.grad += other.data * out.grad
                other.grad += self.data * out.grad
            out.back = back
            return out
        __radd__, __rmul__ = __add__, __mul__
        def __neg__(self): return self * -1
        def __sub__(self, other): return self + (-other)
        def __matmul__(self, other): return "matmul"
        def __lt__(self, other): return [self.data, other]
        def __contains__(self, x): return True
        def __bool__(self): return False
        def __iadd__(self, other): self.data += other; return self
        def __getitem__(self, i): return i
        def __setitem__(self, i, v): self.data = (i, v)
        def __call__(self, *a, **k): return a, k
        def backward(self):
            order = []
            def visit(v):
                if v not in order:
                    for p in v.parents: visit(p)
                    order.append(v)
            visit(self)
            self.grad = 1.0
            for v in reversed(order): v.back()
    a, b = Value(2.0), Value(-3.0)
    c = a * b + a * 2 - b + 1.5 * a
    for _ in range(2): c = c * 0.5 + a
    c.backward()
    grads = a.grad, b.grad
    odd = [a @ 1, a < 5, 3 in a, not a, a[1:2, ..., None], a(1, k=2)]
    a += 5.0
    a[1:2] = 3.0
    class Array(np.ndarray):
        def __mul__(self, other): return np.asarray(self) + np.asarray(other)
    v = np.ones(2).view(Array) * 5
    """,
)
_program(
    "strange arrays",
    """
    m = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    a = m * m; b = m ** 2; c = m[0] * m.T; d = m.sum(axis=1); e = 2 * m; f = m * np.ones((2, 1)); m *= m
    k = np.ma.masked_array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    g = k * 2; h = k.sum(); k += 1; k[0] = np.ma.masked; i = np.ma.exp(k)
    s = np.zeros(2, dtype=[("w", float, 3), ("b", float)])
    s["w"] += 1; s["w"][0] *= 2; s[1]["b"] = 5; j = s["w"] @ np.ones(3)
    o = np.array([np.ones(2), np.zeros(3)], dtype=object)
    o = o - [0.5, 1.0] * 1 if False else o * 2; o[0] += 1; o = o - o
    z = np.array([1 + 2j, 3.0]); l = abs(z); z.real = 5; z *= 1j
    t = np.array(["a", "b"]); u = t == "a"; v = np.char.add(t, "c")
    n = np.array(5); p = n + 1; q = n[()] * 2.0; r = np.float32(2) * np.ones(2, np.float32)
    w = np.ones(3); w.flat = [3, 2, 1]; w.flat[1] = 9; w.flat[[0, 2]] *= 2; x = [y * 2 for y in w.flat]
    big = np.arange(6.0); big.shape = (2, 3); big.shape += (1,); flat = big.ravel(); flat[0] = 7
    st = np.lib.stride_tricks.sliding_window_view(np.arange(5.0), 2); ss = st.sum(axis=1)
    dt = np.array(["2020-01-01"], dtype="datetime64[D]") + np.timedelta64(1, "D")
    """,
)
_program(
    "views and in-place writes",
    """
    a = np.arange(12.0).reshape(3, 4)
    v = a[1]; t = a.T; r = a.reshape(-1); d = np.diagonal(a); s = a[::-1, ::2]
    v += 1; t[0] = 5; r[3] = 9; s[...] = s * 2; a[a > 10] = 0
    for row in a: row -= row.mean()
    for col in a.T: col /= 2
    np.add.at(a, ([0, 0, 1], [1, 1, 2]), 1.0)
    np.clip(a, -1, 1, out=a); np.multiply(a, 2, a); np.exp(a, out=a); a.clip(0, 3, out=a); np.dot(a, np.eye(4), a * 0)
    np.maximum(a, 0.1, out=a, where=a < 2)
    b = a.copy(); b.sort(axis=0); b.fill(3); np.copyto(b, a); np.put(b, [0, 1], 7); np.fill_diagonal(b[:, :3], 8)
    f = np.asfortranarray(a); w = f[1]; w += 1; x = (a.T * 2)[0]; x *= 3
    i = np.arange(5); np.random.shuffle(i); np.random.shuffle(a)
    import random
    lst = [1, 2, 3]; random.shuffle(lst); random.shuffle(r)
    c = np.nan_to_num(a, copy=False); e = np.sort(a); g = np.split(a, 2, axis=1); g[0][0] = 1
    h = a.view(np.int64); h[0] ^= 1
    k = np.vectorize(lambda q: q * 2 if q > 0 else 0.0)(a)
    l = np.apply_along_axis(lambda q: q / q.sum(), 1, np.abs(a) + 1)
    m = np.fromiter((q * q for q in a[0]), float); n = np.fromfunction(lambda p, q: p + q, (2, 2))
    o = np.add.reduce(a); p = np.multiply.accumulate(a[0]); q = np.maximum.reduce(a, axis=1); u = np.add.outer(v, v)
    """,
)
_program(
    "builtins on arrays and lists",
    """
    x, y = np.array([3.0, -1.0, 2.0]), [1.5, -2.0]
    a = [max(x), min(x), sum(x), sum(y), sum(x, 5.0), sum(y, start=1), max(0.0, y[1])]
    a += [max(y, default=3), abs(x), round(2.567, 2)]
    b = list(map(float, x)), list(map(lambda u, v: u * v, x, y)), list(zip(x, y))
    b += sorted(x, reverse=True), tuple(x), set(x)
    c = float(), float("2.5"), float(x[0]), int(x[0]), bool(x[0])
    c += complex(1, 2), list(enumerate(x, 1)), pow(2.0, 3), divmod(7.5, 2)
    d = sum([x, x]), sum([np.ones((3, 1)), np.ones(3)]), sum([]), sum(v for v in y)
    d += sum([True, 2, 3.5]), sum([[1], [2]], [])
    e = any(x > 2), all(x), len(x), list(reversed(x)), list(filter(None, x)), x.tolist()
    e += x.item(0), np.float64(3).item()
    import math, operator, statistics
    f = math.exp(x[0]), math.log(8, 2), math.fsum(x), math.sqrt(2), math.pow(2, 3), math.floor(2.5), math.hypot(3, 4)
    g = operator.add(x, 1), operator.itemgetter(0)(x), operator.mul(2.0, 3.0), statistics.mean(y)
    g += (np.sum([v for v in x]),)
    h = isinstance(x, np.ndarray), hasattr(x, "T"), getattr(x, "T"), callable(x), repr(x), str(x)
    h += (f"{x.sum():.3f} {x[0] * 2!r}",)
    i = np.array(list(map(lambda r: [r, r * 2], y))), np.array([[u * v for v in x] for u in y]), np.array([x, x * 2])
    j = [*x], {**{"a": x}}, (*y, *x), print(*x, x, sep="|")
    vars_here = sorted(k for k in globals() if len(k) == 1)
    def inner(p, q=2): r = p * q; return sorted(locals()), eval("p * q"), r
    k = inner(2.0)
    exec("z = x * 2")
    """,
)
_program(
    "classes with super and metaclasses",
    """
    class Meta(type):
        def __new__(mcs, name, bases, space, **kw):
            space["made"] = kw.get("tag", "none")
            return super().__new__(mcs, name, bases, space)
        def __call__(cls, *args, **kwargs):
            obj = super().__call__(*args, **kwargs)
            obj.called = True
            return obj
    class Base(metaclass=Meta):
        registry = []
        def __init_subclass__(cls, **kw): super().__init_subclass__(); Base.registry.append(cls.__name__)
        def __init__(self, n): self.w = np.ones(n) * 2
        def forward(self, x): return x @ self.w
        if True:
            def extra(self): return self.w * 3
            flag = 1 + 1
        for _i in range(2):
            flag += _i
        try:
            limit = int("x")
        except ValueError:
            limit = 5
    class Child(Base, tag="child"):
        def __init__(self, n): super().__init__(n); self.b = 0.5
        def forward(self, x): return super().forward(x) + self.b
        @property
        def norm(self): return __class__.__name__, np.sqrt((self.w ** 2).sum())
        def __getattr__(self, name):
            if name.startswith("dyn_"): return self.w * len(name)
            raise AttributeError(name)
        def __enter__(self): return self
        def __exit__(self, *exc): return True
        def __iter__(self): return iter(self.w)
        def __len__(self): return 3
    c = Child(3)
    out = c.forward(np.arange(3.0)), c.norm, c.dyn_x, [*c], len(c), c.extra(), c.limit, Child.made
    with Child(2) as d:
        raise ValueError
    """,
)
_program(
    "asynchronous code",
    """
    import asyncio
    async def slow(x):
        await asyncio.sleep(0)
        return x * 2
    async def numbers():
        for i in range(3):
            yield i * 1.0
    async def main():
        total = np.zeros(2)
        async for n in numbers():
            total += n
        async with asyncio.timeout(5):
            total = total + await slow(np.ones(2))
        return total, [v async for v in numbers()], await asyncio.gather(slow(1.0), slow(2.0))
    loop = asyncio.new_event_loop()
    out = loop.run_until_complete(main())
    loop.close()
    del loop
    """,
)
_program(
    "random numbers",
    """
    import random
    rng = np.random.default_rng(5)
    a = rng.normal(size=3), rng.integers(0, 9, 3), rng.permutation(5), rng.choice(3, 2), rng.random()
    x = np.arange(6.0).reshape(3, 2); rng.shuffle(x); y = rng.normal(x, 0.1); rng.standard_normal(out=y)
    b = np.random.randn(2, 2), np.random.rand(), np.random.permutation(x), np.random.binomial([np.ones((2, 3))], 0.5)[0]
    c = random.random(), random.gauss(0, 1), random.choice([1.0, 2.0]), random.sample(range(9), 3)
    for epoch in range(4):
        order = np.random.permutation(3)
        for i in order:
            x[i] -= 0.1 * np.random.standard_normal(2)
    del rng
    """,
)
_program("a deep sum", "x = 1.0\ny = " + " + ".join(["x"] * 600) + "\nz = x * 2\n")
_program(
    "a long chain of ifs",
    "k = 40\nif k == 0:\n    x = 1.0\n"
    + "".join(f"elif k == {i}:\n    x = {i} * 2.0\n" for i in range(1, 60)),
)
_program("many lines", "x = np.ones(3)\n" + "".join(f"x{i} = x * {i} + {i}\n" for i in range(1500)))
