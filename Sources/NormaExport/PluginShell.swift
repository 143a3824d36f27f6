/// The parts of a compiled plugin's text that are the same for all norms.
enum PluginShell {
  /// What the parts of a library know of each other.
  static let types = """
    /* One formula for any sizes: memory in doubles, and both directions. */
    typedef struct {
      i64 (*saved)(const job *);
      i64 (*forward_memory)(const job *);
      void (*forward)(job *);
      i64 (*backward_memory)(const job *);
      void (*backward)(job *);
    } program;

    """

  /// The machine code of one size for a formula.
  static let natives = """
    typedef struct {
      int program;
      const special *code;
    } native;

    """

  static let level = """
    #include <stdlib.h>
    #include <string.h>

    /* The code for a kind of processor. */
    typedef struct {
      uint64_t features;
      const program *programs;
      const native *natives;
      const int *native_count;
    } level;

    """

  static let variant = """
    enum { RULE_NONE, RULE_FIXED, RULE_SETTING, RULE_CHANNELS, RULE_CHANNELS_BY_SETTING,
      RULE_COMMON_DIVISOR };
    /* How many groups, or samples of a chunk. */
    typedef struct { int kind; i64 number; } rule;
    /* What a setting must be: of this kind, and where not any, of this value. */
    typedef struct { uint32_t kind; int any; i64 integer; } condition;
    typedef struct {
      condition conditions[HYPERS];
      int train, infer; /* among the programs */
      rule groups, chunk;
      int infers_in_chunks;
      /* By mode: masks of roles, of which a variance needs several values; ends in 0. */
      uint8_t variances[2][8];
    } variant;

    """

  static let functions = """
    typedef struct {
      const norma_host *host;
      const level *level;
      const variant *variant;
      i64 channels, groups, chunk; /* chunk: samples of one, 0: not split */
      uint8_t present[STATES + 1];
    } instance;

    static i64 count_of(const norma_layout *layout, uint32_t role) {
      i64 count = 1;
      for (uint32_t a = 0; a < layout->rank; a++)
        if (layout->roles[a] == role) count *= layout->shape[a];
      return count;
    }

    /* Whether the elements along a role are neighbours. */
    static int is_dense(const norma_layout *layout, uint32_t role) {
      i64 stride = 1;
      for (uint32_t a = layout->rank; a-- > 0;) {
        if (layout->roles[a] != role || layout->shape[a] == 1) continue;
        if (layout->strides[a] != stride) return 0;
        stride *= layout->shape[a];
      }
      return 1;
    }

    /* The offset of each element along a role; elements of an axis of size 1 are one. */
    static void offsets(const norma_layout *layout, const norma_layout *whole, uint32_t role, i64 *z) {
      const i64 count = count_of(whole, role);
      if (count_of(layout, role) == count && is_dense(layout, role)) {
        for (i64 i = 0; i < count; i++) z[i] = i;
        return;
      }
      for (i64 i = 0; i < count; i++) {
        i64 rest = i, offset = 0;
        for (uint32_t a = whole->rank; a-- > 0;) {
          if (whole->roles[a] != role) continue;
          const i64 k = rest % whole->shape[a];
          rest /= whole->shape[a];
          if (layout->shape[a] != 1) offset += k * layout->strides[a];
        }
        z[i] = offset;
      }
    }

    static i64 batch_stride(const norma_layout *layout) {
      for (uint32_t a = 0; a < layout->rank; a++)
        if (layout->roles[a] == NORMA_ROLE_BATCH && layout->shape[a] != 1) return layout->strides[a];
      return 0;
    }

    static i64 common_divisor(i64 a, i64 b) { return b == 0 ? a : common_divisor(b, a % b); }

    static i64 size_of(rule r, const norma_value *values, i64 channels) {
      switch (r.kind) {
        case RULE_FIXED: return r.number;
        case RULE_SETTING: return values[r.number].integer;
        case RULE_CHANNELS: return channels;
        case RULE_CHANNELS_BY_SETTING:
          return values[r.number].integer > 0 ? channels / values[r.number].integer : 0;
        case RULE_COMMON_DIVISOR: return common_divisor(r.number, channels);
        default: return 0;
      }
    }

    /* The variant for some values, or NULL and the index of the value that none has. */
    static const variant *find(const norma_value *values, uint32_t count, uint32_t *wrong) {
      *wrong = 0;
      for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        uint32_t h = 0;
        for (; h < count; h++) {
          const condition c = variants[v].conditions[h];
          if (values[h].kind != c.kind || (!c.any && values[h].integer != c.integer)) break;
        }
        if (h == count) return &variants[v];
        if (h > *wrong) *wrong = h;
      }
      return NULL;
    }

    static int32_t create(const norma_settings *settings, void **out, norma_error *error) {
      if (!norma_tail_is_zero(settings, sizeof *settings))
        return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "settings newer than this plugin");
      const norma_host *host = settings->host;
      uint32_t wrong;
      const variant *v = find(settings->values, settings->value_count, &wrong);
      if (v == NULL)
        return norma_fail(error, NORMA_INVALID, NORMA_ABOUT_HYPER, wrong, "was not compiled for this value");
      const i64 groups = size_of(v->groups, settings->values, settings->channels);
      const i64 chunk = size_of(v->chunk, settings->values, settings->channels);
      const int is_set = v->groups.kind == RULE_SETTING || v->groups.kind == RULE_CHANNELS_BY_SETTING;
      const uint32_t index = is_set ? (uint32_t)v->groups.number : 0;
      if (groups < 1 || settings->channels % groups != 0
          || (v->groups.kind == RULE_CHANNELS_BY_SETTING
              && settings->channels % settings->values[index].integer != 0))
        return norma_fail(error, NORMA_INVALID, is_set ? NORMA_ABOUT_HYPER : NORMA_ABOUT_NOTHING, index,
                          is_set ? "does not divide the channels" : "its groups do not divide the channels");
      if (v->chunk.kind != RULE_NONE && chunk < 1)
        return norma_fail(error, NORMA_INVALID, NORMA_ABOUT_HYPER, (uint32_t)v->chunk.number,
                          "must be at least 1");
      instance *self = host->allocate(host, sizeof *self, 16);
      if (self == NULL) return norma_fail(error, NORMA_OUT_OF_MEMORY, 0, 0, "out of memory");
      memset(self, 0, sizeof *self);
      self->host = host;
      self->level = choose(host);
      self->variant = v;
      self->channels = settings->channels;
      self->groups = groups;
      self->chunk = chunk;
      for (int s = 0; s < STATES; s++)
        self->present[s] = when[s] < 0 || settings->values[when[s]].integer != 0;
      *out = self;
      return NORMA_OK;
    }

    static void destroy(void *instance_) {
      instance *self = instance_;
      if (self != NULL) self->host->release(self->host, self);
    }

    static i64 chunk_of(const instance *self, const norma_call *call) {
      return call->mode == NORMA_MODE_TRAIN || self->variant->infers_in_chunks ? self->chunk : 0;
    }

    /* The sizes of a job, where the call is one that can be run. */
    static int32_t sizes(
        const instance *self, const norma_call *call, job *j, norma_error *error) {
      if (!norma_tail_is_zero(call, sizeof *call))
        return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
      const norma_layout *x = call->inputs[0].layout;
      const i64 batch = count_of(x, NORMA_ROLE_BATCH), channels = count_of(x, NORMA_ROLE_CHANNEL);
      memset(j, 0, sizeof *j);
      if (channels != self->channels)
        return norma_fail(error, NORMA_INVALID, NORMA_ABOUT_INPUT, 0, "has other channels than its layer");
      const i64 chunk = chunk_of(self, call);
      if (chunk > 0 && batch % chunk != 0) {
        char text[96];
        snprintf(text, sizeof text, "has a batch of %lld, which chunks of %lld samples do not divide",
                 (long long)batch, (long long)chunk);
        return norma_fail(error, NORMA_INVALID, NORMA_ABOUT_INPUT, 0, text);
      }
      j->sample = chunk > 0 ? chunk : batch;
      j->chunk = batch / j->sample;
      j->space = count_of(x, NORMA_ROLE_SPACE);
      j->group = self->groups;
      j->member = channels / self->groups;
      const int channels_dense = is_dense(x, NORMA_ROLE_CHANNEL) && channels > 1;
      j->first = is_dense(x, NORMA_ROLE_SPACE) && j->space > 1 && !channels_dense;
      const i64 counts[5] = {j->chunk, j->sample, j->space, j->group, j->member};
      const int training = call->mode == NORMA_MODE_TRAIN;
      for (const uint8_t *mask = self->variant->variances[training]; *mask; mask++) {
        i64 n = 1;
        for (int a = 0; a < 5; a++)
          if (*mask & 1 << a) n *= counts[a];
        if (n == 1)
          return norma_fail(error, NORMA_INVALID, NORMA_ABOUT_INPUT, 0,
                            "has one value for a variance: use larger sizes or fewer groups,"
                            " or infer mode for batch statistics");
      }
      return NORMA_OK;
    }

    static int number_of(const instance *self, const norma_call *call) {
      return call->mode == NORMA_MODE_TRAIN ? self->variant->train : self->variant->infer;
    }

    /* The order of a dense tensor: 0 batch, space, channels; 1 batch, channels, space; -1 neither. */
    static int order_of(const norma_layout *x) {
      i64 stride = 1;
      int last = 1, first = 1, before = 8, swapped_before = 8;
      for (uint32_t a = x->rank; a-- > 0;) {
        if (x->shape[a] == 1) continue;
        if (x->strides[a] != stride) return -1;
        stride *= x->shape[a];
        /* Roles grow in the order batch, space, channels; those that are swapped in the other. */
        const int role = x->roles[a], swapped = role == NORMA_ROLE_BATCH ? 0 : 6 - role;
        if (role > before) last = 0;
        if (swapped > swapped_before) first = 0;
        before = role;
        swapped_before = swapped;
      }
      return last ? 0 : first ? 1 : -1;
    }

    /* The machine code made for just this size, or NULL; `batch` gets its batch. */
    static const special *special_of(
        const instance *self, const norma_call *call, const job *j, i64 *batch) {
      const int number = number_of(self, call);
      const int order = order_of(call->inputs[0].layout);
      const i64 samples = j->chunk * j->sample;
      for (int k = 0; k < *self->level->native_count; k++) {
        const special *s = self->level->natives[k].code;
        if (self->level->natives[k].program != number || s->first != order) continue;
        if (s->channels != self->channels || s->groups != self->groups || s->chunk != chunk_of(self, call))
          continue;
        if (s->space != 0 && s->space != j->space) continue;
        if (s->batch != 0 && s->batch != samples) continue;
        *batch = s->space != 0 ? samples : samples * j->space;
        return s;
      }
      return NULL;
    }

    static i64 greater(i64 a, i64 b) { return a > b ? a : b; }

    /* Saved memory of a size that has machine code starts with a note: whether its values are those of the
       general code after all. */
    enum { NOTE = 8 };

    static int32_t plan(
        const void *instance_, const norma_call *call, norma_plan *out, norma_error *error) {
      const instance *self = instance_;
      job j;
      const int32_t status = sizes(self, call, &j, error);
      if (status != NORMA_OK) return status;
      const program *p = &self->level->programs[number_of(self, call)];
      const int gradient = (call->flags & NORMA_CALL_GRADIENT) != 0;
      i64 work = p->forward_memory(&j), batch = 0;
      i64 saved = gradient ? p->saved(&j) : 0;
      if (gradient) work = greater(work, p->backward_memory(&j));
      work = 8 * (work + INPUTS * (j.space + self->channels));
      const special *s = special_of(self, call, &j, &batch);
      if (s != NULL) {
        i64 scratch = s->forward_worker;
        work = greater(work, s->forward_shared + s->forward_units(batch) * s->forward_unit);
        if (gradient) {
          saved = NOTE + greater(saved, s->saved_start + s->saved_slope * batch);
          work = greater(work, s->backward_shared + s->backward_units(batch) * s->backward_unit);
          scratch = greater(scratch, s->backward_worker);
        }
        out->thread_scratch_bytes = (uint64_t)scratch;
      }
      out->saved_bytes = 8 * (uint64_t)saved;
      out->workspace_bytes = (uint64_t)work;
      return NORMA_OK;
    }

    static void special_over_threads(
        special_job *j, int threads, i64 count, void (*body)(void *, i64, i64, unsigned), void *context) {
      const norma_host *host = j->owner;
      if (threads == 1) body(context, 0, count, 0);
      else host->parallel_for(host, (uint32_t)threads, count, 1, (norma_body)body, context);
    }

    static void over_threads(job *j, i64 pieces, piece_body body) {
      const norma_host *host = j->owner;
      host->parallel_for(host, j->threads, pieces, 1, body, j);
    }

    /* Where the elements of inputs lie, in tables at the start of the workspace; returns their end. */
    static i64 *fill_places(const instance *self, const norma_call *call, const job *j, place *places) {
      i64 *table = call->workspace;
      const norma_layout *x = call->inputs[0].layout;
      for (int i = 0; i < INPUTS; i++) {
        const norma_layout *layout = call->inputs[i].layout;
        places[i].batch = batch_stride(layout);
        offsets(layout, x, NORMA_ROLE_SPACE, table);
        offsets(layout, x, NORMA_ROLE_CHANNEL, table + j->space);
        places[i].space = table;
        places[i].channel = table + j->space;
        table += j->space + self->channels;
      }
      return table;
    }

    static int32_t run(
        const void *instance_, const norma_call *call, norma_error *error, int backward) {
      const instance *self = instance_;
      job j;
      const int32_t status = sizes(self, call, &j, error);
      if (status != NORMA_OK) return status;
      place places[INPUTS];
      const float *inputs[INPUTS];
      float *input_gradients[INPUTS];
      const float *parameters[PARAMETERS + 1];
      float *parameter_gradients[PARAMETERS + 1], *buffers[BUFFERS + 1];
      j.fast = 1;
      for (int i = 0; i < INPUTS; i++) {
        const norma_layout *layout = call->inputs[i].layout;
        inputs[i] = call->inputs[i].data;
        input_gradients[i] = backward ? call->input_gradients[i].data : NULL;
        if (is_full[i] && !is_dense(layout, j.first ? NORMA_ROLE_SPACE : NORMA_ROLE_CHANNEL)) j.fast = 0;
        if (is_full[i] && backward && input_gradients[i] == NULL) j.fast = 0;
      }
      for (int s = 0, p = 0, b = 0; s < STATES; s++) {
        if (!self->present[s]) continue;
        if (s < PARAMETERS) {
          parameters[p] = call->states[s].data;
          parameter_gradients[p++] = backward ? call->state_gradients[s].data : NULL;
        } else {
          buffers[b++] = call->states[s].data;
        }
      }
      j.accumulate = (call->flags & NORMA_CALL_ACCUMULATE) != 0;
      j.places = places;
      j.inputs = inputs;
      j.parameters = parameters;
      j.buffers = buffers;
      j.hyper = call->hyper;
      j.output = call->output->data;
      j.output_gradient = backward ? call->output_gradient->data : NULL;
      j.input_gradients = input_gradients;
      j.parameter_gradients = parameter_gradients;
      j.parallel = over_threads;
      j.owner = self->host;
      j.threads = call->threads;
      const program *p = &self->level->programs[number_of(self, call)];
      double *note = call->saved;
      i64 batch;
      const special *s = special_of(self, call, &j, &batch);
      j.saved = s != NULL && note != NULL ? note + NOTE : note;
      if (s == NULL) {
        j.work = (double *)fill_places(self, call, &j, places);
        if (backward) p->backward(&j); else p->forward(&j);
        return NORMA_OK;
      }
      if (!backward || note == NULL || *note == 0) {
        float *tensors[2 * INPUTS + 5] = {0};
        for (int i = 0; i < INPUTS; i++) {
          tensors[i] = (float *)inputs[i];
          tensors[INPUTS + 5 + i] = input_gradients[i];
        }
        tensors[INPUTS] = (float *)j.output_gradient;
        if (!backward) tensors[INPUTS + 3] = j.output;
        special_job q = {
            .batch = batch, .threads = (int)call->threads, .accumulate = j.accumulate,
            .tensors = tensors, .parameters = parameters, .buffers = buffers,
            .parameter_gradients = parameter_gradients, .hyper = call->hyper, .saved = j.saved,
            .workspace = call->workspace, .scratch = call->thread_scratch,
            .scratch_stride = (i64)call->thread_scratch_stride,
            .parallel = special_over_threads, .owner = self->host,
        };
        const int left_range = backward ? s->backward(&q) : s->forward(&q);
        if (note != NULL && !backward) *note = left_range;
        if (!left_range) return NORMA_OK;
        /* Numbers that floats do not hold: the general code computes in double. The machine code worked
           where the tables were. */
        j.work = (double *)fill_places(self, call, &j, places);
        if (backward) {
          /* Its values from forward are others: they are made anew. */
          const i64 count = p->saved(&j);
          double *anew = self->host->allocate(self->host, 8 * (uint64_t)greater(count, 1), 64);
          if (anew == NULL) return norma_fail(error, NORMA_OUT_OF_MEMORY, 0, 0, "out of memory");
          job again = j;
          again.fast = 0;
          again.output = NULL;
          again.keeps_buffers = 1;
          again.saved = anew;
          p->forward(&again);
          j.saved = anew;
          p->backward(&j);
          self->host->release(self->host, anew);
          return NORMA_OK;
        }
      } else {
        j.work = (double *)fill_places(self, call, &j, places);
      }
      if (backward) p->backward(&j); else p->forward(&j);
      return NORMA_OK;
    }

    static int32_t forward(const void *self, const norma_call *call, norma_error *error) {
      return run(self, call, error, 0);
    }
    static int32_t backward(const void *self, const norma_call *call, norma_error *error) {
      return run(self, call, error, 1);
    }

    """

  static let entry = """
    static const norma_norm norm = {
        .struct_size = sizeof(norma_norm),
        .id = NORM_ID,
        .summary = NORM_SUMMARY,
        .formula = NORM_FORMULA,
        .paper = NORM_PAPER,
        .since = NORM_SINCE,
        .hypers = NORM_HYPERS,
        .schema_version = NORM_SCHEMA,
        .layouts = NORMA_LAYOUT_ANY_AXES | NORMA_LAYOUT_STRIDED,
        .capabilities = NORM_CAPABILITIES,
        .required_cpu = NORM_CPU,
        .create = create,
        .destroy = destroy,
        .plan = plan,
        .forward_infer = forward,
        .forward_train = forward,
        .backward = backward,
    };

    static int32_t get_norm(uint32_t index, const norma_norm **out, norma_error *error) {
      if (index != 0) return norma_fail(error, NORMA_NOT_FOUND, 0, 0, "there is one norm");
      *out = &norm;
      return NORMA_OK;
    }

    static const norma_definition definition = {
        .struct_size = sizeof(norma_definition),
        .text = {definition_text, sizeof definition_text - 1},
    };

    static const void *get_extension(uint32_t index, norma_string name) {
      static const char known[] = "definition/1";
      if (index != 0 || name.length != sizeof known - 1) return NULL;
      return memcmp(name.data, known, name.length) == 0 ? &definition : NULL;
    }

    static const norma_plugin plugin = {
        .struct_size = sizeof(norma_plugin),
        .abi_major = NORMA_ABI_MAJOR,
        .abi_minor = NORMA_ABI_MINOR,
        .norm_count = 1,
        .id = PLUGIN_ID,
        .version = PLUGIN_VERSION,
        .license = PLUGIN_LICENSE,
        .build = PLUGIN_BUILD,
        .get_norm = get_norm,
        .get_extension = get_extension,
    };

    int32_t norma_plugin_entry_v1(
        const norma_host *host, const norma_plugin **out, norma_error *error) {
      (void)host;
      (void)error;
      *out = &plugin;
      return NORMA_OK;
    }

    """
}
