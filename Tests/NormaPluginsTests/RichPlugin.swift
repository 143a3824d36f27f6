/// A plugin in C that uses every part of the descriptor: y = x * w / groups + s, with a running mean of
/// x, a second input added when there is one, and words, constraints and conditions.
let richPlugin = #"""
  #include "norma_plugin.h"
  #include <stdlib.h>
  #include <string.h>
  static const norma_string words[] = {NORMA_TEXT("channel"), NORMA_TEXT("half")};
  static const norma_string kinds[] = {NORMA_TEXT("plain"), NORMA_TEXT("negated")};
  static const norma_string aliases[] = {NORMA_TEXT("num_groups")};
  static const int64_t allowed[] = {1, 2, 4};
  static const norma_hyper hypers[] = {
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("groups"), .kind = NORMA_I64,
       .default_value = {.kind = NORMA_I64, .integer = 1}, .choices = words, .choice_count = 2,
       .aliases = aliases, .alias_count = 1, .flags = NORMA_HYPER_HAS_MINIMUM, .minimum = 1},
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("momentum"), .kind = NORMA_F64,
       .default_value = {.kind = NORMA_F64, .real = 0.5},
       .flags = NORMA_HYPER_HAS_MINIMUM | NORMA_HYPER_HAS_MAXIMUM, .minimum = 0, .maximum = 1},
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("affine"), .kind = NORMA_BOOL,
       .default_value = {.kind = NORMA_BOOL, .integer = 1}},
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("kind"), .kind = NORMA_CHOICE,
       .default_value = {.kind = NORMA_CHOICE, .text = NORMA_TEXT("plain")}, .choices = kinds,
       .choice_count = 2},
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("width"), .kind = NORMA_I64},
      {.struct_size = sizeof(norma_hyper), .name = NORMA_TEXT("start"), .kind = NORMA_F64,
       .default_value = {.kind = NORMA_F64, .real = 3}},
  };
  static const norma_constraint constraints[] = {
      {.struct_size = sizeof(norma_constraint), .kind = NORMA_CONSTRAINT_DIVIDES,
       .hyper = NORMA_TEXT("groups"), .flags = NORMA_CONSTRAINT_IS_GROUP_COUNT},
      {.struct_size = sizeof(norma_constraint), .kind = NORMA_CONSTRAINT_AT_MOST,
       .hyper = NORMA_TEXT("width")},
      {.struct_size = sizeof(norma_constraint), .kind = NORMA_CONSTRAINT_AT_MOST,
       .hyper = NORMA_TEXT("groups"), .limit = NORMA_TEXT("width")},
      {.struct_size = sizeof(norma_constraint), .kind = NORMA_CONSTRAINT_ONE_OF,
       .hyper = NORMA_TEXT("groups"), .values = allowed, .value_count = 3},
  };
  static const norma_state states[] = {
      {.struct_size = sizeof(norma_state), .name = NORMA_TEXT("w"), .role = NORMA_STATE_WEIGHT,
       .roles = NORMA_ROLE_GROUP, .initial_hyper = NORMA_TEXT("start")},
      {.struct_size = sizeof(norma_state), .name = NORMA_TEXT("mean"), .role = NORMA_STATE_RUNNING,
       .initial_factor = 7, .merge = NORMA_MERGE_MEAN},
      {.struct_size = sizeof(norma_state), .name = NORMA_TEXT("s"), .role = NORMA_STATE_SHIFT,
       .roles = NORMA_ROLE_CHANNEL, .initial_factor = 2, .initial_power = -1,
       .when = NORMA_TEXT("affine")},
      {.struct_size = sizeof(norma_state), .name = NORMA_TEXT("m"), .role = NORMA_STATE_GAIN,
       .roles = NORMA_ROLE_MEMBER, .initial_factor = 1},
  };
  static const norma_input inputs[] = {
      {.struct_size = sizeof(norma_input), .name = NORMA_TEXT("offset"), .roles = NORMA_ROLE_CHANNEL}};
  typedef struct { int64_t groups; double sign; } instance;
  static int32_t create(const norma_settings *s, void **out, norma_error *e) {
    const norma_value *v = s->values;
    if (s->value_count != 6 || s->host == NULL || s->norm != 0) return NORMA_ERROR;
    if (v[4].kind == NORMA_I64 && v[4].integer == 13)
      return norma_fail(e, NORMA_INVALID, NORMA_ABOUT_HYPER, 4, "13 brings bad luck");
    if (v[4].kind == NORMA_I64 && v[4].integer == 3) return 99;
    instance *i = s->host->allocate(s->host, sizeof *i, 64);
    if (i == NULL || (uintptr_t)i % 64 != 0) return NORMA_OUT_OF_MEMORY;
    i->groups = v[0].kind == NORMA_CHOICE ? 100 + v[0].integer : v[0].integer;
    if (v[0].kind == NORMA_CHOICE && memcmp(v[0].text.data, "half", 4) != 0) return NORMA_ERROR;
    i->sign = v[3].integer == 1 ? -1 : 1;
    *out = i;
    s->host->log(s->host, NORMA_LOG_INFO, (norma_string)NORMA_TEXT("made one"));
    return NORMA_OK;
  }
  static void destroy(void *i) { free(i); }
  static int32_t plan(const void *i, const norma_call *c, norma_plan *p, norma_error *e) {
    (void)i;
    if (c->inputs[0].data != NULL || c->threads != 0)
      return norma_fail(e, NORMA_ERROR, 0, 0, "plan got data");
    if (c->inputs[0].layout->shape[0] == 11)
      return norma_fail(e, NORMA_UNSUPPORTED, NORMA_ABOUT_INPUT, 1, "eleven samples");
    p->saved_bytes = 4; p->workspace_bytes = 100; p->thread_scratch_bytes = 8;
    return NORMA_OK;
  }
  /* For C-order tensors with the channel last. */
  static int32_t forward(const void *self, const norma_call *c, norma_error *e) {
    const instance *i = self;
    const float *x = c->inputs[0].data, *w = c->states[0].data, *s = c->states[2].data;
    const float *o = c->inputs[1].data;
    float *y = c->output->data, *mean = c->states[1].data;
    const int64_t channels = c->states[2].layout->shape[0];
    double sum = 0;
    const int64_t n = (int64_t)c->output->bytes / 4;
    if (c->thread_scratch_stride != 64 || (uintptr_t)c->thread_scratch % 64 != 0)
      return norma_fail(e, NORMA_ERROR, 0, 0, "scratch");
    ((double *)((char *)c->thread_scratch + 64 * (c->threads - 1)))[0] = 1;
    memset(c->workspace, 0xff, 100);
    *(float *)c->saved = 1;
    for (int64_t k = 0; k < n; k++) {
      const int64_t ch = k % channels, g = ch / (channels / c->states[0].layout->shape[0]);
      sum += x[k];
      y[k] = (float)(i->sign * x[k] * w[g]) + (s ? s[ch] : 0) + o[ch];
    }
    if (c->mode == NORMA_MODE_TRAIN)
      *mean = (float)((1 - c->hyper[0]) * *mean + c->hyper[0] * sum / (double)n);
    return NORMA_OK;
  }
  static const norma_norm norm = {
      .struct_size = sizeof(norma_norm), .id = NORMA_TEXT("rich/all"), .hypers = hypers,
      .hyper_count = 6, .constraints = constraints, .constraint_count = 4, .states = states,
      .state_count = 4, .inputs = inputs, .input_count = 1, .layouts = NORMA_LAYOUT_CHANNELS_LAST,
      .rank_minimum = 2, .rank_maximum = 3, .create = create, .destroy = destroy, .plan = plan,
      .forward_infer = forward, .forward_train = forward};
  static int32_t get_norm(uint32_t i, const norma_norm **out, norma_error *e) {
    (void)i; (void)e; *out = &norm; return NORMA_OK;
  }
  static const norma_plugin plugin = {
      .struct_size = sizeof(norma_plugin), .abi_major = NORMA_ABI_MAJOR, .norm_count = 1,
      .id = NORMA_TEXT("org.rich"), .version = NORMA_TEXT("2"), .get_norm = get_norm};
  int32_t norma_plugin_entry_v1(const norma_host *h, const norma_plugin **out, norma_error *e) {
    (void)e;
    if (h->abi_major != 1 || h->get_extension(h, (norma_string)NORMA_TEXT("none/1")) != NULL)
      return NORMA_ERROR;
    *out = &plugin;
    return NORMA_OK;
  }
  """#
