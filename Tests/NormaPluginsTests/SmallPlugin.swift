/// A plugin in C whose every part can be bent by a macro, to try what a loader meets.
let smallPlugin = #"""
  #include "norma_plugin.h"
  #ifndef MAJOR
  #define MAJOR NORMA_ABI_MAJOR
  #endif
  #ifndef REQUIRED
  #define REQUIRED 0
  #endif
  #ifndef PLUGIN_SIZE
  #define PLUGIN_SIZE sizeof(norma_plugin)
  #endif
  #ifndef NORM_SIZE
  #define NORM_SIZE sizeof(norma_norm)
  #endif
  #ifndef HYPER_SIZE
  #define HYPER_SIZE sizeof(norma_hyper)
  #endif
  #ifndef PLUGIN_ID
  #define PLUGIN_ID "org.example.small"
  #endif
  #ifndef NORM_ID
  #define NORM_ID "small/copy"
  #endif
  #ifndef HYPER_NAME
  #define HYPER_NAME "alpha"
  #endif
  #ifndef DEFAULT
  #define DEFAULT 1
  #endif
  #ifndef CPU
  #define CPU 0
  #endif
  #ifndef COUNT
  #define COUNT 1
  #endif
  #ifndef FORWARD
  #define FORWARD forward
  #endif
  static const norma_hyper hypers[] = {{
      .struct_size = HYPER_SIZE, .name = NORMA_TEXT(HYPER_NAME), .kind = NORMA_F64,
      .flags = NORMA_HYPER_HAS_MINIMUM, .minimum = 0,
      .default_value = {.kind = NORMA_F64, .real = DEFAULT}}};
  static int32_t create(const norma_settings *s, void **out, norma_error *e) {
    (void)s; (void)e; *out = NULL; return NORMA_OK;
  }
  static void destroy(void *i) { (void)i; }
  static int32_t plan(const void *i, const norma_call *c, norma_plan *p, norma_error *e) {
    (void)i; (void)c; (void)p; (void)e; return NORMA_OK;
  }
  static int32_t forward(const void *i, const norma_call *c, norma_error *e) {
    (void)i; (void)e;
    const float *x = c->inputs[0].data;
    float *y = c->output->data;
    for (uint64_t k = 0; k < c->output->bytes / 4; k++) y[k] = x[k];
    return NORMA_OK;
  }
  static const norma_norm norms[] = {{
      .struct_size = NORM_SIZE, .id = NORMA_TEXT(NORM_ID), .hypers = hypers, .hyper_count = 1,
      .layouts = NORMA_LAYOUT_ANY_AXES, .required_cpu = CPU, .create = create, .destroy = destroy,
      .plan = plan, .forward_infer = FORWARD}};
  static int32_t get_norm(uint32_t i, const norma_norm **out, norma_error *e) {
    if (i >= COUNT) return norma_fail(e, NORMA_NOT_FOUND, 0, 0, "no such norm");
    *out = &norms[0];
    return NORMA_OK;
  }
  static const norma_plugin plugin = {
      .struct_size = PLUGIN_SIZE, .abi_major = MAJOR, .abi_minor = REQUIRED,
      .required_minor = REQUIRED, .norm_count = COUNT, .id = NORMA_TEXT(PLUGIN_ID),
      .version = NORMA_TEXT("0.1"), .license = NORMA_TEXT("MIT"), .get_norm = get_norm};
  int32_t norma_plugin_entry_v1(const norma_host *h, const norma_plugin **out, norma_error *e) {
    (void)h;
  #ifdef REFUSE
    return norma_fail(e, NORMA_UNSUPPORTED, 0, 0, REFUSE);
  #else
    (void)e;
    *out = &plugin;
    return NORMA_OK;
  #endif
  }
  """#
