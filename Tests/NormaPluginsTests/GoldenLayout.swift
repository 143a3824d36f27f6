/// The layout of interface 1.0: every struct with its size, every field with its offset. Published
/// plugins depend on it: lines may be added at the end of a struct, none may change.
let goldenLayout = """
  norma_string 16
    data:0 length:8
  norma_value 48
    kind:0 count:4 integer:8 real:16 text:24 list:40
  norma_error 40
    struct_size:0 flags:4 about:8 index:12 message:16 message_capacity:24 message_length:32
  norma_layout 152
    struct_size:0 flags:4 dtype:8 rank:12 shape:16 strides:80 roles:144
  norma_tensor 32
    struct_size:0 flags:4 data:8 bytes:16 layout:24
  norma_host 112
    struct_size:0 flags:4 abi_major:8 abi_minor:12 name:16 version:32 cpu_features:48 context:56
    allocate:64 release:72 parallel_for:80 log:88 is_cancelled:96 get_extension:104
  norma_hyper 136
    struct_size:0 flags:4 name:8 doc:24 default_value:40 minimum:88 maximum:96 choices:104
    aliases:112 kind:120 choice_count:124 alias_count:128 reserved:132
  norma_constraint 56
    struct_size:0 flags:4 kind:8 value_count:12 hyper:16 limit:32 values:48
  norma_state 104
    struct_size:0 flags:4 name:8 doc:24 role:40 roles:44 initial_factor:48 initial_power:56
    initial_hyper:64 when:80 merge:96 version:100
  norma_input 48
    struct_size:0 flags:4 name:8 doc:24 roles:40 reserved:44
  norma_settings 40
    struct_size:0 flags:4 host:8 values:16 value_count:24 norm:28 channels:32
  norma_plan 32
    struct_size:0 flags:4 saved_bytes:8 workspace_bytes:16 thread_scratch_bytes:24
  norma_call 120
    struct_size:0 flags:4 mode:8 threads:12 hyper_count:16 input_count:20 state_count:24
    reserved:28 hyper:32 inputs:40 states:48 output:56 output_gradient:64 input_gradients:72
    state_gradients:80 saved:88 workspace:96 thread_scratch:104 thread_scratch_stride:112
  norma_norm 232
    struct_size:0 flags:4 id:8 summary:24 formula:40 paper:56 since:72 replaced_by:88 hypers:104
    constraints:112 states:120 inputs:128 hyper_count:136 constraint_count:140 state_count:144
    input_count:148 schema_version:152 layouts:156 rank_minimum:160 rank_maximum:164
    capabilities:168 required_cpu:176 create:184 destroy:192 plan:200 forward_infer:208
    forward_train:216 backward:224
  norma_plugin 120
    struct_size:0 flags:4 abi_major:8 abi_minor:12 required_minor:16 norm_count:20 id:24
    version:40 license:56 url:72 build:88 get_norm:104 get_extension:112
  norma_definition 24
    struct_size:0 flags:4 text:8
  """
