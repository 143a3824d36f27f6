//! What of `norma_plugin.h`, version 1.0, this plugin needs, in Rust. Sizes are held to the header's below.
#![allow(non_camel_case_types, dead_code)]
use std::ffi::c_void;

pub const OK: i32 = 0;
pub const UNSUPPORTED: i32 = 3;
pub const NOT_FOUND: i32 = 4;
pub const F64: u32 = 1;
pub const HYPER_HAS_MINIMUM: u32 = 1;
pub const STATE_GAIN: u32 = 1;
pub const MERGE_MEAN: u32 = 1;
pub const ROLE_BATCH: u8 = 1;
pub const ROLE_SPACE: u8 = 2;
pub const ROLE_CHANNEL: u8 = 4;
pub const LAYOUT_ANY_AXES: u32 = 4;
pub const LAYOUT_STRIDED: u32 = 8;
pub const CALL_ACCUMULATE: u32 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    pub data: *const u8,
    pub length: u64,
}

/// Text of the program, which lives as long as it does.
pub const fn text(literal: &'static str) -> Text {
    Text { data: literal.as_ptr(), length: literal.len() as u64 }
}

#[repr(C)]
pub struct Value {
    pub kind: u32,
    pub count: u32,
    pub integer: i64,
    pub real: f64,
    pub text: Text,
    pub list: *const i64,
}

#[repr(C)]
pub struct Error {
    pub struct_size: u32,
    pub flags: u32,
    pub about: u32,
    pub index: u32,
    pub message: *mut u8,
    pub message_capacity: u64,
    pub message_length: u64,
}

#[repr(C)]
pub struct Layout {
    pub struct_size: u32,
    pub flags: u32,
    pub dtype: u32,
    pub rank: u32,
    pub shape: [i64; 8],
    pub strides: [i64; 8],
    pub roles: [u8; 8],
}

#[repr(C)]
pub struct Tensor {
    pub struct_size: u32,
    pub flags: u32,
    pub data: *mut f32,
    pub bytes: u64,
    pub layout: *const Layout,
}

pub type Body = unsafe extern "C" fn(*mut c_void, i64, i64, u32);

#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub flags: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub name: Text,
    pub version: Text,
    pub cpu_features: u64,
    pub context: *mut c_void,
    pub allocate: unsafe extern "C" fn(*const Host, u64, u64) -> *mut c_void,
    pub release: unsafe extern "C" fn(*const Host, *mut c_void),
    pub parallel_for: unsafe extern "C" fn(*const Host, u32, i64, i64, Body, *mut c_void),
    pub log: unsafe extern "C" fn(*const Host, u32, Text),
    pub is_cancelled: unsafe extern "C" fn(*const Host) -> u32,
    pub get_extension: unsafe extern "C" fn(*const Host, Text) -> *const c_void,
}

#[repr(C)]
pub struct Hyper {
    pub struct_size: u32,
    pub flags: u32,
    pub name: Text,
    pub doc: Text,
    pub default_value: Value,
    pub minimum: f64,
    pub maximum: f64,
    pub choices: *const Text,
    pub aliases: *const Text,
    pub kind: u32,
    pub choice_count: u32,
    pub alias_count: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct State {
    pub struct_size: u32,
    pub flags: u32,
    pub name: Text,
    pub doc: Text,
    pub role: u32,
    pub roles: u32,
    pub initial_factor: f64,
    pub initial_power: f64,
    pub initial_hyper: Text,
    pub when: Text,
    pub merge: u32,
    pub version: u32,
}

#[repr(C)]
pub struct Settings {
    pub struct_size: u32,
    pub flags: u32,
    pub host: *const Host,
    pub values: *const Value,
    pub value_count: u32,
    pub norm: u32,
    pub channels: i64,
}

#[repr(C)]
pub struct Plan {
    pub struct_size: u32,
    pub flags: u32,
    pub saved_bytes: u64,
    pub workspace_bytes: u64,
    pub thread_scratch_bytes: u64,
}

#[repr(C)]
pub struct Call {
    pub struct_size: u32,
    pub flags: u32,
    pub mode: u32,
    pub threads: u32,
    pub hyper_count: u32,
    pub input_count: u32,
    pub state_count: u32,
    pub reserved: u32,
    pub hyper: *const f64,
    pub inputs: *const Tensor,
    pub states: *const Tensor,
    pub output: *const Tensor,
    pub output_gradient: *const Tensor,
    pub input_gradients: *const Tensor,
    pub state_gradients: *const Tensor,
    pub saved: *mut f64,
    pub workspace: *mut f64,
    pub thread_scratch: *mut c_void,
    pub thread_scratch_stride: u64,
}

pub type Function = unsafe extern "C" fn(*const c_void, *const Call, *mut Error) -> i32;

#[repr(C)]
pub struct Norm {
    pub struct_size: u32,
    pub flags: u32,
    pub id: Text,
    pub summary: Text,
    pub formula: Text,
    pub paper: Text,
    pub since: Text,
    pub replaced_by: Text,
    pub hypers: *const Hyper,
    pub constraints: *const c_void,
    pub states: *const State,
    pub inputs: *const c_void,
    pub hyper_count: u32,
    pub constraint_count: u32,
    pub state_count: u32,
    pub input_count: u32,
    pub schema_version: u32,
    pub layouts: u32,
    pub rank_minimum: u32,
    pub rank_maximum: u32,
    pub capabilities: u64,
    pub required_cpu: u64,
    pub create: unsafe extern "C" fn(*const Settings, *mut *mut c_void, *mut Error) -> i32,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub plan: unsafe extern "C" fn(*const c_void, *const Call, *mut Plan, *mut Error) -> i32,
    pub forward_infer: Function,
    pub forward_train: Function,
    pub backward: Function,
}

#[repr(C)]
pub struct Plugin {
    pub struct_size: u32,
    pub flags: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub required_minor: u32,
    pub norm_count: u32,
    pub id: Text,
    pub version: Text,
    pub license: Text,
    pub url: Text,
    pub build: Text,
    pub get_norm: unsafe extern "C" fn(u32, *mut *const Norm, *mut Error) -> i32,
    pub get_extension: *const c_void,
}

/// Descriptors are written once and hold pointers to other things that live as long.
pub struct Fixed<T>(pub T);
unsafe impl<T> Sync for Fixed<T> {}

/// The size of a struct, as its first field.
pub const fn size<T>() -> u32 {
    std::mem::size_of::<T>() as u32
}

const _: () = {
    assert!(size::<Text>() == 16 && size::<Value>() == 48 && size::<Error>() == 40);
    assert!(size::<Layout>() == 152 && size::<Tensor>() == 32 && size::<Host>() == 112);
    assert!(size::<Hyper>() == 136 && size::<State>() == 104 && size::<Settings>() == 40);
    assert!(size::<Plan>() == 32 && size::<Call>() == 120 && size::<Norm>() == 232);
    assert!(size::<Plugin>() == 120);
};

/// Whether an argument has nothing but zeros beyond the bytes that are known here.
///
/// # Safety
/// `argument` must be one of the host's, which begins with its size.
pub unsafe fn is_known<T>(argument: *const T) -> bool {
    let bytes = argument.cast::<u8>();
    let total = *argument.cast::<u32>();
    (size::<T>()..total).all(|i| *bytes.add(i as usize) == 0)
}

/// Fills an error, if there is one, and returns the status.
///
/// # Safety
/// `error` must be null or the host's.
pub unsafe fn fail(error: *mut Error, status: i32, message: &str) -> i32 {
    if let Some(error) = error.as_mut() {
        let n = message.len().min(error.message_capacity as usize);
        std::ptr::copy_nonoverlapping(message.as_ptr(), error.message, n);
        error.message_length = n as u64;
        error.about = 0;
        error.index = 0;
    }
    status
}
