"""A compiled norm of Norma as a PyTorch module, through ctypes.

Tensors are float32 on the CPU, contiguous or made so. Gradients are the library's own.
"""

import ctypes
import glob
import json
import os

import torch

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_KINDS = {"none": 0, "real": 1, "int": 2, "bool": 3, "choice": 4}
_ROOM = 512

with open(os.path.join(_FOLDER, "norm.json"), encoding="utf-8") as _file:
    NORM = json.load(_file)
for _hyper in NORM["hyper"]:
    for _key in ("default", "min", "max"):
        if _hyper["kind"] == "real" and isinstance(_hyper.get(_key), str):
            _hyper[_key] = float(_hyper[_key])  # inf


class NormaError(RuntimeError):
    """What the library has to say of settings or a shape."""


def _load():
    """The host functions and the norm; loaded once a process."""
    # Threads are those of PyTorch: its OpenMP serves the host too.
    found = glob.glob(os.path.join(os.path.dirname(torch.__file__), "lib", "libgomp*"))
    for path in found + ["libgomp.so.1"]:
        try:
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
            break
        except OSError:
            continue
    host = ctypes.CDLL(os.path.join(_FOLDER, "_host.so"))
    pointer, text, i32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    host.norma_torch_open.restype = pointer
    host.norma_torch_open.argtypes = [text, text, i32]
    host.norma_torch_create.restype = pointer
    host.norma_torch_create.argtypes = [
        pointer, i32, pointer, pointer, pointer, ctypes.c_int64, ctypes.c_int64, text, i32, pointer,
    ]
    host.norma_torch_destroy.argtypes = [pointer]
    host.norma_torch_sizes.argtypes = [pointer, i32, i32, i32, i32, pointer, i32, pointer, text, i32]
    host.norma_torch_run.argtypes = [
        pointer, i32, i32, i32, i32, i32, pointer, i32, pointer, i32, pointer, pointer, pointer,
        pointer, pointer, pointer, pointer, text, i32,
    ]
    room = ctypes.create_string_buffer(_ROOM)
    norm = host.norma_torch_open(os.path.join(_FOLDER, "norm.so").encode(), room, _ROOM)
    if not norm:
        raise NormaError(room.value.decode(errors="replace"))
    return host, norm


_loaded = None


def _host():
    global _loaded
    if _loaded is None:
        _loaded = _load()
    return _loaded


def _attribute(name):
    """The name of a parameter or buffer as a module's attribute: modules have words of their own."""
    taken = hasattr(torch.nn.Module, name) or name in ("channels", "axis", "settings", "training")
    return name + "_" if taken else name


class _Layer:
    """An instance of the norm for some settings, and the memory that its calls need."""

    def __init__(self, channels, settings):
        self.host, norm = _host()
        count = len(NORM["hyper"])
        kinds = (ctypes.c_uint32 * max(count, 1))()
        integers = (ctypes.c_int64 * max(count, 1))()
        reals = (ctypes.c_double * max(count, 1))()
        for index, hyper in enumerate(NORM["hyper"]):
            value = settings[hyper["name"]]
            kind = hyper["kind"]
            if value is None:
                kind = "none"
            elif isinstance(value, str):
                kind, integers[index] = "choice", hyper["words"].index(value)
            elif kind == "real":
                reals[index] = value
            else:
                integers[index] = int(value)
            kinds[index] = _KINDS[kind]
        groups = settings.get(NORM.get("groups"), 1)
        groups = groups if isinstance(groups, int) and groups > 0 else 1
        room = ctypes.create_string_buffer(_ROOM)
        wrong = ctypes.c_int32()
        self.handle = self.host.norma_torch_create(
            norm, count, kinds, integers, reals, channels, groups, room, _ROOM, ctypes.byref(wrong))
        if not self.handle:
            where = NORM["hyper"][wrong.value]["name"] if wrong.value >= 0 else "settings"
            value = settings.get(where, "")
            raise NormaError(
                f"{NORM['norm']}: '{where}' {value}: {room.value.decode(errors='replace')}")
        self.room = room
        real = [h["name"] for h in NORM["hyper"] if h["kind"] == "real"]
        self.hyper = (ctypes.c_double * max(len(real), 1))(*[settings[name] for name in real])
        self.hyper_count = len(real)
        self.sizes = {}

    def __del__(self):
        if getattr(self, "handle", None):
            self.host.norma_torch_destroy(self.handle)

    def check(self, status):
        if status != 0:
            raise NormaError(f"{NORM['norm']}: {self.room.value.decode(errors='replace')}")

    def memory(self, shape, axis, train, gradient, threads):
        key = (shape, axis, train, gradient, threads)
        found = self.sizes.get(key)
        if found is None:
            dims = (ctypes.c_int64 * len(shape))(*shape)
            sizes = (ctypes.c_int64 * 3)()
            self.check(self.host.norma_torch_sizes(
                self.handle, train, gradient, threads, len(shape), dims, axis, sizes, self.room,
                _ROOM))
            found = self.sizes[key] = (dims, sizes)
        return found

    def run(self, backward, key, tensors, output, output_gradient, gradients, saved):
        shape, axis, train, gradient, threads = key
        dims, sizes = self.memory(*key)
        workspace = torch.empty(sizes[1], dtype=torch.uint8)
        count = len(tensors)
        pointers = ctypes.c_void_p * count
        address = lambda t: t.data_ptr() if t is not None else None
        self.check(self.host.norma_torch_run(
            self.handle, backward, train, gradient, threads, len(shape), dims, axis, self.hyper,
            self.hyper_count, pointers(*map(address, tensors)), address(output),
            address(output_gradient), pointers(*map(address, gradients)) if gradients else None,
            address(saved), workspace.data_ptr(), sizes, self.room, _ROOM))


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, module, x, *tensors):
        layer = module._layer
        gradient = any(ctx.needs_input_grad)
        key = (tuple(x.shape), module.axis % x.dim(), int(module.training), int(gradient),
               torch.get_num_threads())
        y = torch.empty_like(x)
        all_tensors = module._in_order(x, tensors)
        saved = torch.empty(layer.memory(*key)[1][0], dtype=torch.uint8)
        layer.run(0, key, all_tensors, y, None, None, saved)
        ctx.module, ctx.layer, ctx.key = module, layer, key
        ctx.save_for_backward(x, *tensors, saved)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        x, *tensors, saved = ctx.saved_tensors
        dy = dy.contiguous()
        wanted = ctx.needs_input_grad[1:]
        found = [torch.empty_like(t) if on else None for t, on in zip([x, *tensors], wanted)]
        all_tensors = ctx.module._in_order(x, tensors)
        gradients = ctx.module._in_order(found[0], found[1:], without_buffers=True)
        ctx.layer.run(1, ctx.key, all_tensors, None, dy, gradients, saved)
        return (None, *found)


class Norm(torch.nn.Module):
    """A norm over tensors of any shape whose axis `axis` has `channels` elements; axis 0 is the batch.

    Settings are given by name; `weight decay` belongs to none of its parameters but those that
    `norm.json` calls weights. torch.compile breaks its graph at the module; torch.export, torch.func and
    double backward need operations that PyTorch can look into, and do not work.
    """

    def __init__(self, channels, *, axis=NORM["axis"], **settings):
        super().__init__()
        for name, value in (("channels", channels), ("axis", axis)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{NORM['norm']}: {name} must be an integer, got {value!r}")
        self.channels = channels
        self.axis = axis
        known = {h["name"]: h for h in NORM["hyper"]}
        for name in settings:
            if name not in known:
                raise TypeError(
                    f"{NORM['norm']} has no setting '{name}'; it has: {', '.join(known) or 'none'}")
        self.settings = {n: settings.get(n, h.get("default")) for n, h in known.items()}
        for name, hyper in known.items():
            self._check(hyper, self.settings[name])
        if self.channels < 1:
            raise ValueError(f"channels must be at least 1, got {channels}")
        self._made = _Layer(self.channels, self.settings)
        for state in NORM["parameters"]:
            value = self._initial(state) if self._is_present(state) else None
            self.register_parameter(
                _attribute(state["name"]), None if value is None else torch.nn.Parameter(value))
        for state in NORM["buffers"]:
            self.register_buffer(
                _attribute(state["name"]), self._initial(state) if self._is_present(state) else None)

    @staticmethod
    def _check(hyper, value):
        kind, words, name = hyper["kind"], hyper["words"], hyper["name"]
        right = {
            "real": isinstance(value, (int, float)) and not isinstance(value, bool),
            "int": (isinstance(value, int) and not isinstance(value, bool)) or value in words,
            "bool": isinstance(value, bool),
            "choice": value in words,
        }[kind] or (value is None and hyper.get("default") is None)
        low, high = hyper.get("min"), hyper.get("max")
        if right and isinstance(value, (int, float)) and not isinstance(value, bool):
            right = (low is None or value > low or (value == low and not hyper["above"])) and (
                high is None or value < high or (value == high and not hyper["below"]))
        if not right:
            raise ValueError(f"{NORM['norm']}: '{name}' must be {hyper['accepts']}, got {value!r}")

    def _is_present(self, state):
        return state.get("when") is None or bool(self.settings[state["when"]])

    def _shape(self, state):
        groups = self.settings.get(NORM.get("groups"), 1)
        groups = groups if isinstance(groups, int) and groups > 0 else 1
        return {
            "channel": [self.channels], "group": [groups], "member": [self.channels // groups],
            "scalar": [],
        }[state["per"]]

    def _initial(self, state):
        value = state["factor"] * self.channels ** state["power"]
        if state.get("from") is not None:
            value = float(self.settings[state["from"]])
        return torch.full(self._shape(state), value, dtype=torch.float32)

    @property
    def _layer(self):
        if self._made is None:
            self._made = _Layer(self.channels, self.settings)
        return self._made

    # The library's own memory is no part of what is saved or copied.
    def __getstate__(self):
        return {**self.__dict__, "_made": None}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def _in_order(self, x, tensors, without_buffers=False):
        """x and second inputs, then all parameters and buffers; None where one is absent."""
        given = iter(tensors)
        inputs = [x] + [next(given) for _ in NORM["inputs"]]
        parameters = [
            next(given) if self._is_present(state) else None for state in NORM["parameters"]]
        buffers = [None if without_buffers else getattr(self, _attribute(s["name"])) for s in NORM["buffers"]]
        return inputs + parameters + buffers

    @staticmethod
    def _usable(name, tensor):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{NORM['norm']}: '{name}' must be a tensor, got {type(tensor).__name__}")
        if tensor.dtype != torch.float32:
            raise TypeError(
                f"{NORM['norm']} computes in float32, and '{name}' is {tensor.dtype}: use .float(), or"
                " leave this module out of autocast and .half()")
        if tensor.layout != torch.strided:
            raise TypeError(f"{NORM['norm']} takes dense tensors, and '{name}' is {tensor.layout}")
        if tensor.device.type != "cpu":
            raise TypeError(
                f"{NORM['norm']} was compiled for the CPU, and '{name}' is on {tensor.device}: use .cpu()")
        return tensor.contiguous()

    @torch.compiler.disable
    def forward(self, x, *inputs):
        x = self._usable("x", x)
        if not -x.dim() <= self.axis < x.dim():
            raise ValueError(f"{NORM['norm']} has its channels along axis {self.axis}, and x has {x.dim()} axes")
        if x.dim() == 0 or x.shape[self.axis] != self.channels:
            raise ValueError(
                f"{NORM['norm']} has {self.channels} channels along axis {self.axis}, and x has shape"
                f" {tuple(x.shape)}")
        if x.dim() > 8:
            raise ValueError(f"{NORM['norm']} takes up to 8 axes, and x has {x.dim()}")
        if len(inputs) != len(NORM["inputs"]):
            names = ", ".join(i["name"] for i in NORM["inputs"]) or "none"
            raise TypeError(f"{NORM['norm']} takes {len(NORM['inputs'])} input(s) besides x: {names}")
        if x.dim() == 1:
            return self(x[None], *[i[None] for i in inputs])[0]
        seconds = []
        for spec, tensor in zip(NORM["inputs"], inputs):
            tensor = self._usable(spec["name"], tensor)
            axis = self.axis % x.dim()
            roles = ["channel" if a == axis else "batch" if a == 0 else "space" for a in range(x.dim())]
            wanted = tuple(n if r in spec["along"] else 1 for n, r in zip(x.shape, roles))
            if tuple(tensor.shape) != wanted:
                raise ValueError(
                    f"{NORM['norm']}: '{spec['name']}' must have shape {wanted}, got {tuple(tensor.shape)}")
            seconds.append(tensor)
        parameters = []
        for state in NORM["parameters"] + NORM["buffers"]:
            tensor = getattr(self, _attribute(state["name"]))
            if tensor is not None:
                usable = self._usable(state["name"], tensor)
                if list(tensor.shape) != self._shape(state):
                    raise ValueError(
                        f"{NORM['norm']}: '{state['name']}' must have shape {self._shape(state)}, got"
                        f" {list(tensor.shape)}")
                if state in NORM["parameters"]:
                    parameters.append(usable)
                elif usable is not tensor:
                    raise ValueError(
                        f"{NORM['norm']}: '{state['name']}' is updated in place and must be contiguous")
        if x.numel() == 0:
            # Nothing is computed, and all that it depends on gets a gradient of zero.
            return sum((t.sum() * 0 for t in seconds + parameters), x.clone())
        return _Function.apply(self, x, *seconds, *parameters)

    def extra_repr(self):
        settings = "".join(f", {n}={v}" for n, v in self.settings.items())
        return f"{self.channels}, axis={self.axis}{settings}"
