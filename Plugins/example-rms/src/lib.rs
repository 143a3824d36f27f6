//! example/rms: y = x / sqrt(mean(x^2) + epsilon) * gamma over the channels of each sample at each place.
//! Biao Zhang and Rico Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.
//!
//! Sums are kept in double, sixteen of them side by side, which the compiler makes vectors of.
mod abi;
use abi::*;
use std::ffi::c_void;
use std::ptr::{addr_of, null};

// ---- What the norm is ---------------------------------------------------------------------------

const NO_TEXT: Text = Text { data: null(), length: 0 };

static HYPERS: Fixed<[Hyper; 1]> = Fixed([Hyper {
    struct_size: size::<Hyper>(),
    flags: HYPER_HAS_MINIMUM,
    name: text("epsilon"),
    doc: text("added to the mean square"),
    default_value: Value { kind: F64, count: 0, integer: 0, real: 1e-6, text: NO_TEXT, list: null() },
    minimum: 1e-30,
    maximum: 0.0,
    choices: null(),
    aliases: null(),
    kind: F64,
    choice_count: 0,
    alias_count: 0,
    reserved: 0,
}]);

static STATES: Fixed<[State; 1]> = Fixed([State {
    struct_size: size::<State>(),
    flags: 0,
    name: text("gamma"),
    doc: text("gain"),
    role: STATE_GAIN,
    roles: ROLE_CHANNEL as u32,
    initial_factor: 1.0,
    initial_power: 0.0,
    initial_hyper: NO_TEXT,
    when: NO_TEXT,
    merge: MERGE_MEAN,
    version: 1,
}]);

// ---- Walking through a tensor -------------------------------------------------------------------

/// The index combinations of the axes with some roles: how many, and where each lies.
struct Walk<'a> {
    layout: &'a Layout,
    roles: u8,
    count: i64,
}

impl<'a> Walk<'a> {
    fn new(layout: &'a Layout, roles: u8) -> Self {
        let axes = 0..layout.rank as usize;
        let count = axes.filter(|&a| layout.roles[a] & roles != 0).map(|a| layout.shape[a]).product();
        Walk { layout, roles, count }
    }

    fn offset(&self, mut index: i64) -> isize {
        let mut offset = 0;
        for a in (0..self.layout.rank as usize).rev() {
            if self.layout.roles[a] & self.roles != 0 {
                offset += index % self.layout.shape[a] * self.layout.strides[a];
                index /= self.layout.shape[a];
            }
        }
        offset as isize
    }
}

/// One call: vectors of channels, in pieces that depend on the shape alone.
struct Job<'a> {
    call: &'a Call,
    vectors: Walk<'a>,
    channels: Walk<'a>,
    /// The distance of neighbouring channels, where all lie evenly.
    step: Option<isize>,
    pieces: i64,
}

const PIECES: i64 = 32;
const LANES: usize = 16;

impl<'a> Job<'a> {
    unsafe fn new(call: *const Call) -> Self {
        let call = &*call;
        let layout = &*(*call.inputs).layout;
        let vectors = Walk::new(layout, ROLE_BATCH | ROLE_SPACE);
        let channels = Walk::new(layout, ROLE_CHANNEL);
        let step = if channels.count > 1 { channels.offset(1) } else { 1 };
        let is_even = (0..channels.count).all(|c| channels.offset(c) == c as isize * step);
        let pieces = vectors.count.min(PIECES);
        Job { call, vectors, channels, step: is_even.then_some(step), pieces }
    }

    fn place(&self, channel: usize) -> isize {
        match self.step {
            Some(step) => channel as isize * step,
            None => self.channels.offset(channel as i64),
        }
    }

    fn width(&self) -> usize {
        self.channels.count as usize
    }

    /// The vector that starts at an address, when its channels are neighbours in memory.
    unsafe fn slice(&self, start: *const f32) -> Option<&[f32]> {
        (self.step == Some(1)).then(|| std::slice::from_raw_parts(start, self.width()))
    }

    /// The sum of f(channel) over the channels, in an order that never changes.
    fn sum(&self, f: impl Fn(usize) -> f64) -> f64 {
        let mut parts = [0.0; LANES];
        let whole = self.width() / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            for (k, part) in parts.iter_mut().enumerate() {
                *part += f(start + k);
            }
        }
        (whole..self.width()).fold(parts.iter().sum(), |sum, c| sum + f(c))
    }

    fn rows(&self, piece: i64) -> std::ops::Range<i64> {
        piece * self.vectors.count / self.pieces..(piece + 1) * self.vectors.count / self.pieces
    }

    /// Runs a body on every piece, by the host's threads.
    unsafe fn run(&self, host: *const Host, body: Body) {
        let context = addr_of!(*self).cast_mut().cast::<c_void>();
        ((*host).parallel_for)(host, self.call.threads, self.pieces, 1, body, context);
    }
}

// ---- Forward and backward -----------------------------------------------------------------------

unsafe extern "C" fn forward_pieces(context: *mut c_void, begin: i64, end: i64, _thread: u32) {
    let job = &*context.cast::<Job>();
    let call = job.call;
    let (x, y) = ((*call.inputs).data, (*call.output).data);
    let gamma = std::slice::from_raw_parts((*call.states).data, job.width());
    let (epsilon, n) = (*call.hyper, job.width() as f64);
    for row in (begin..end).flat_map(|piece| job.rows(piece)) {
        let at = job.vectors.offset(row);
        let start = x.offset(at).cast_const();
        let squares = match job.slice(start) {
            Some(v) => job.sum(|c| v[c] as f64 * v[c] as f64),
            None => job.sum(|c| (*start.offset(job.place(c)) as f64).powi(2)),
        };
        let factor = 1.0 / (squares / n + epsilon).sqrt();
        if !call.saved.is_null() {
            *call.saved.offset(row as isize) = factor;
        }
        match job.slice(start) {
            Some(v) => {
                let out = std::slice::from_raw_parts_mut(y.offset(at), job.width());
                for ((out, &x), &g) in out.iter_mut().zip(v).zip(gamma) {
                    *out = (x as f64 * factor * g as f64) as f32;
                }
            }
            None => {
                for (c, &g) in gamma.iter().enumerate() {
                    let e = at + job.place(c);
                    *y.offset(e) = (*x.offset(e) as f64 * factor * g as f64) as f32;
                }
            }
        }
    }
}

/// With f = 1 / sqrt(mean(x^2) + epsilon) and t = dy gamma:
///   dx = f (t - x f^2 mean(t x)),   dgamma = sum of dy x f
unsafe extern "C" fn backward_pieces(context: *mut c_void, begin: i64, end: i64, _thread: u32) {
    let job = &*context.cast::<Job>();
    let call = job.call;
    let (x, dy) = ((*call.inputs).data, (*call.output_gradient).data);
    let dx = (*call.input_gradients).data;
    let (gamma, width) = ((*call.states).data, job.width());
    for piece in begin..end {
        let sums = std::slice::from_raw_parts_mut(call.workspace.add(piece as usize * width), width);
        sums.fill(0.0);
        for row in job.rows(piece) {
            let at = job.vectors.offset(row);
            let (x, dy) = (x.offset(at), dy.offset(at));
            let f = *call.saved.offset(row as isize);
            if let (Some(x), Some(dy)) = (job.slice(x), job.slice(dy)) {
                let gamma = std::slice::from_raw_parts(gamma, width);
                let dot = job.sum(|c| dy[c] as f64 * gamma[c] as f64 * x[c] as f64);
                let along = f * f * dot / width as f64;
                for ((sum, &u), &d) in sums.iter_mut().zip(x).zip(dy) {
                    *sum += d as f64 * u as f64 * f;
                }
                if !dx.is_null() {
                    let out = std::slice::from_raw_parts_mut(dx.offset(at), width);
                    for (((out, &u), &d), &g) in out.iter_mut().zip(x).zip(dy).zip(gamma) {
                        *out = (f * (d as f64 * g as f64 - u as f64 * along)) as f32;
                    }
                }
                continue;
            }
            let value = |p: *const f32, c: usize| *p.offset(job.place(c)) as f64;
            let dot = job.sum(|c| value(dy, c) * *gamma.add(c) as f64 * value(x, c));
            let along = f * f * dot / width as f64;
            for (c, sum) in sums.iter_mut().enumerate() {
                let (u, d) = (value(x, c), value(dy, c));
                *sum += d * u * f;
                if !dx.is_null() {
                    *dx.offset(at + job.place(c)) = (f * (d * *gamma.add(c) as f64 - u * along)) as f32;
                }
            }
        }
    }
}

// ---- The functions of the descriptor ------------------------------------------------------------

struct Instance {
    host: *const Host,
}

unsafe extern "C" fn create(
    settings: *const Settings, out: *mut *mut c_void, error: *mut Error,
) -> i32 {
    if !is_known(settings) {
        return fail(error, UNSUPPORTED, "settings newer than this plugin");
    }
    *out = Box::into_raw(Box::new(Instance { host: (*settings).host })).cast();
    OK
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance.cast::<Instance>()));
}

unsafe extern "C" fn plan(
    _instance: *const c_void, call: *const Call, out: *mut Plan, error: *mut Error,
) -> i32 {
    if !is_known(call) {
        return fail(error, UNSUPPORTED, "a call newer than this plugin");
    }
    let job = Job::new(call);
    (*out).saved_bytes = 8 * job.vectors.count as u64;
    (*out).workspace_bytes = 8 * (job.pieces * job.channels.count) as u64;
    OK
}

unsafe extern "C" fn forward(instance: *const c_void, call: *const Call, error: *mut Error) -> i32 {
    if !is_known(call) {
        return fail(error, UNSUPPORTED, "a call newer than this plugin");
    }
    Job::new(call).run((*instance.cast::<Instance>()).host, forward_pieces);
    OK
}

unsafe extern "C" fn backward(instance: *const c_void, call: *const Call, error: *mut Error) -> i32 {
    if !is_known(call) {
        return fail(error, UNSUPPORTED, "a call newer than this plugin");
    }
    let job = Job::new(call);
    job.run((*instance.cast::<Instance>()).host, backward_pieces);
    let call = job.call;
    let gradient = (*call.state_gradients).data;
    if !gradient.is_null() {
        for c in 0..job.width() {
            let before = if call.flags & CALL_ACCUMULATE != 0 { *gradient.add(c) as f64 } else { 0.0 };
            let pieces = (0..job.pieces as usize).map(|p| *call.workspace.add(p * job.width() + c));
            *gradient.add(c) = (before + pieces.sum::<f64>()) as f32;
        }
    }
    OK
}

// ---- The plugin ---------------------------------------------------------------------------------

static NORM: Fixed<Norm> = Fixed(Norm {
    struct_size: size::<Norm>(),
    flags: 0,
    id: text("example/rms"),
    summary: text("unit root mean square over the channels of each sample at each place"),
    formula: text("x / sqrt(mean_square(x, channel) + epsilon) * gamma"),
    paper: text("arXiv:1910.07467"),
    since: text("1.0.0"),
    replaced_by: NO_TEXT,
    hypers: addr_of!(HYPERS.0).cast(),
    constraints: null(),
    states: addr_of!(STATES.0).cast(),
    inputs: null(),
    hyper_count: 1,
    constraint_count: 0,
    state_count: 1,
    input_count: 0,
    schema_version: 1,
    layouts: LAYOUT_ANY_AXES | LAYOUT_STRIDED,
    rank_minimum: 0,
    rank_maximum: 0,
    capabilities: 0,
    required_cpu: 0,
    create,
    destroy,
    plan,
    forward_infer: forward,
    forward_train: forward,
    backward,
});

static PLUGIN: Fixed<Plugin> = Fixed(Plugin {
    struct_size: size::<Plugin>(),
    flags: 0,
    abi_major: 1,
    abi_minor: 0,
    required_minor: 0,
    norm_count: 1,
    id: text("org.example.rms"),
    version: text("1.0.0"),
    license: text("MIT"),
    url: NO_TEXT,
    build: text("Rust"),
    get_norm,
    get_extension: null(),
});

unsafe extern "C" fn get_norm(index: u32, out: *mut *const Norm, error: *mut Error) -> i32 {
    if index != 0 {
        return fail(error, NOT_FOUND, "there is one norm");
    }
    *out = addr_of!(NORM.0);
    OK
}

/// The only function that is exported.
///
/// # Safety
/// Called by a host as `norma_plugin.h` says.
#[no_mangle]
pub unsafe extern "C" fn norma_plugin_entry_v1(
    _host: *const Host, out: *mut *const Plugin, _error: *mut Error,
) -> i32 {
    *out = addr_of!(PLUGIN.0);
    OK
}
