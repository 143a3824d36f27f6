// example/batch_renorm: batch norm, pulled towards the running statistics within limits.
// Sergey Ioffe, "Batch Renormalization", arXiv:1702.03275.
//
// In training, with the batch's mean m and deviation s and the running ones M and S:
//   r = clip(s / S, 1 / r_max, r_max), d = clip((m - M) / S, -d_max, d_max), no gradient through either
//   y = ((x - m) / s * r + d) * gamma + beta
// In inference y = (x - M) / S * gamma + beta. All sums are in double, and deviations are summed from the
// mean: inputs of mean 1e6 keep their digits.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>

#include "norma_plugin.h"

namespace {

// ---- What the norm is ----------------------------------------------------------------------------

enum Hyper { epsilon, momentum, r_max, d_max, hyper_count };
enum State { gamma, beta, mean, variance, state_count };

template <std::size_t n>
constexpr norma_string text(const char (&literal)[n]) {
  return {literal, n - 1};
}

norma_hyper real(norma_string name, norma_string doc, double value, double least, uint32_t flags = 0) {
  norma_hyper h{};
  h.struct_size = sizeof h;
  h.flags = NORMA_HYPER_HAS_MINIMUM | flags;
  h.name = name;
  h.doc = doc;
  h.kind = NORMA_F64;
  h.default_value.kind = NORMA_F64;
  h.default_value.real = value;
  h.minimum = least;
  return h;
}

norma_state state(norma_string name, norma_string doc, uint32_t role, double initial, uint32_t merge) {
  norma_state s{};
  s.struct_size = sizeof s;
  s.name = name;
  s.doc = doc;
  s.role = role;
  s.roles = NORMA_ROLE_CHANNEL;
  s.initial_factor = initial;
  s.merge = merge;
  s.version = 1;
  return s;
}

// ---- Walking through a tensor --------------------------------------------------------------------

// The index combinations of the axes with some roles: how many, and where each lies.
class Walk {
 public:
  Walk(const norma_layout &layout, uint32_t roles) : layout_(layout), roles_(roles) {
    for (uint32_t a = 0; a < layout.rank; a++)
      if (layout.roles[a] & roles) count_ *= layout.shape[a];
  }
  int64_t count() const { return count_; }
  int64_t offset(int64_t index) const {
    int64_t offset = 0;
    for (uint32_t a = layout_.rank; a-- > 0;) {
      if (!(layout_.roles[a] & roles_)) continue;
      offset += index % layout_.shape[a] * layout_.strides[a];
      index /= layout_.shape[a];
    }
    return offset;
  }

 private:
  const norma_layout &layout_;
  uint32_t roles_;
  int64_t count_ = 1;
};

// Channels are handled in blocks, so that where they are neighbours whole lines of the cache are used. What
// a block does depends on the block alone: results do not depend on the threads.
constexpr int64_t block_size = 16;

// What forward keeps for backward, for each channel.
struct Kept {
  double mean, inverse, r, d;
};

struct Job {
  const norma_call &call;
  Walk places, channels;

  explicit Job(const norma_call &c)
      : call(c),
        places(*c.inputs[0].layout, NORMA_ROLE_BATCH | NORMA_ROLE_SPACE),
        channels(*c.inputs[0].layout, NORMA_ROLE_CHANNEL) {}

  int64_t blocks() const { return (channels.count() + block_size - 1) / block_size; }
  double value(Hyper h) const { return call.hyper[h]; }
  const float *data(State s) const { return static_cast<const float *>(call.states[s].data); }
  Kept *kept() const { return static_cast<Kept *>(call.saved); }

  // Calls body(channel of the block, offset) for all elements of a block, place by place.
  template <typename Body>
  void each(int64_t block, Body body) const {
    const int64_t first = block * block_size;
    const int64_t width = std::min(block_size, channels.count() - first);
    int64_t offsets[block_size];
    for (int64_t k = 0; k < width; k++) offsets[k] = channels.offset(first + k);
    for (int64_t p = 0; p < places.count(); p++) {
      const int64_t at = places.offset(p);
      for (int64_t k = 0; k < width; k++) body(k, at + offsets[k]);
    }
  }

  // Calls body(channel of the block, channel) for the channels of a block.
  template <typename Body>
  void channels_of(int64_t block, Body body) const {
    const int64_t first = block * block_size;
    for (int64_t k = 0; k < std::min(block_size, channels.count() - first); k++) body(k, first + k);
  }
};

// ---- Forward and backward ------------------------------------------------------------------------

void forward_block(const Job &job, int64_t block) {
  const auto *x = static_cast<const float *>(job.call.inputs[0].data);
  auto *y = static_cast<float *>(job.call.output->data);
  const bool trains = job.call.mode == NORMA_MODE_TRAIN;
  const auto n = static_cast<double>(job.places.count());
  double means[block_size] = {}, squares[block_size] = {};
  if (trains) {
    job.each(block, [&](int64_t k, int64_t at) { means[k] += x[at]; });
    for (double &m : means) m /= n;
    job.each(block, [&](int64_t k, int64_t at) {
      const double t = x[at] - means[k];
      squares[k] += t * t;
    });
  }
  double centre[block_size], factor[block_size], shift[block_size];
  job.channels_of(block, [&](int64_t k, int64_t c) {
    const double running = std::sqrt(job.data(variance)[c] + job.value(epsilon));
    Kept kept{job.data(mean)[c], 1 / running, 1, 0};
    if (trains) {
      const double limit = job.value(r_max), bound = job.value(d_max);
      const double deviation = std::sqrt(squares[k] / n + job.value(epsilon));
      kept.mean = means[k];
      kept.inverse = 1 / deviation;
      kept.r = std::clamp(deviation / running, 1 / limit, limit);
      kept.d = std::clamp((means[k] - job.data(mean)[c]) / running, -bound, bound);
      const double weight = job.value(momentum);
      auto *m = static_cast<float *>(job.call.states[mean].data) + c;
      auto *v = static_cast<float *>(job.call.states[variance].data) + c;
      *m = static_cast<float>((1 - weight) * *m + weight * means[k]);
      *v = static_cast<float>((1 - weight) * *v + weight * squares[k] / n);
    }
    if (job.kept() != nullptr) job.kept()[c] = kept;
    centre[k] = kept.mean;
    factor[k] = kept.inverse * kept.r * job.data(gamma)[c];
    shift[k] = kept.d * job.data(gamma)[c] + job.data(beta)[c];
  });
  job.each(block, [&](int64_t k, int64_t at) {
    y[at] = static_cast<float>((x[at] - centre[k]) * factor[k] + shift[k]);
  });
}

// With u = (x - m) / s:   dgamma = sum of dy (r u + d),   dbeta = sum of dy,
//   dx = gamma r / s (dy - mean(dy) - u mean(dy u)) in training, gamma / S dy in inference.
void backward_block(const Job &job, int64_t block) {
  const auto *x = static_cast<const float *>(job.call.inputs[0].data);
  const auto *dy = static_cast<const float *>(job.call.output_gradient->data);
  auto *dx = static_cast<float *>(job.call.input_gradients[0].data);
  auto *dgamma = static_cast<float *>(job.call.state_gradients[gamma].data);
  auto *dbeta = static_cast<float *>(job.call.state_gradients[beta].data);
  const bool trains = job.call.mode == NORMA_MODE_TRAIN;
  const bool adds = job.call.flags & NORMA_CALL_ACCUMULATE;
  const auto n = static_cast<double>(job.places.count());
  double centre[block_size] = {}, inverse[block_size] = {}, factor[block_size] = {};
  double sums[block_size] = {}, products[block_size] = {};
  job.channels_of(block, [&](int64_t k, int64_t c) {
    const Kept &kept = job.kept()[c];
    centre[k] = kept.mean;
    inverse[k] = kept.inverse;
    factor[k] = kept.inverse * kept.r * job.data(gamma)[c];
  });
  job.each(block, [&](int64_t k, int64_t at) {
    sums[k] += dy[at];
    products[k] += dy[at] * ((x[at] - centre[k]) * inverse[k]);
  });
  job.channels_of(block, [&](int64_t k, int64_t c) {
    const Kept &kept = job.kept()[c];
    const double g = kept.r * products[k] + kept.d * sums[k];
    if (dgamma != nullptr) dgamma[c] = static_cast<float>(g + (adds ? dgamma[c] : 0));
    if (dbeta != nullptr) dbeta[c] = static_cast<float>(sums[k] + (adds ? dbeta[c] : 0));
  });
  if (dx == nullptr) return;
  for (int64_t k = 0; k < block_size; k++) {
    sums[k] = trains ? sums[k] / n : 0;
    products[k] = trains ? products[k] / n : 0;
  }
  job.each(block, [&](int64_t k, int64_t at) {
    const double u = (x[at] - centre[k]) * inverse[k];
    dx[at] = static_cast<float>(factor[k] * (dy[at] - sums[k] - u * products[k]));
  });
}

// ---- The functions of the descriptor -------------------------------------------------------------

struct Instance {
  const norma_host *host;
};

// No exception leaves the library.
template <typename Body>
int32_t guarded(norma_error *error, Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return norma_fail(error, NORMA_OUT_OF_MEMORY, 0, 0, "out of memory");
  } catch (const std::exception &e) {
    return norma_fail(error, NORMA_ERROR, 0, 0, e.what());
  } catch (...) {
    return norma_fail(error, NORMA_ERROR, 0, 0, "an unknown exception");
  }
}

template <typename Argument>
bool is_known(const Argument *argument) {
  return norma_tail_is_zero(argument, sizeof *argument) != 0;
}

int32_t create(const norma_settings *settings, void **out, norma_error *error) {
  return guarded(error, [&] {
    if (!is_known(settings))
      return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "settings newer than this plugin");
    *out = std::make_unique<Instance>(Instance{settings->host}).release();
    return NORMA_OK;
  });
}

void destroy(void *self) { delete static_cast<Instance *>(self); }

int32_t plan(const void *, const norma_call *call, norma_plan *out, norma_error *error) {
  return guarded(error, [&] {
    if (!is_known(call)) return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
    const Job job(*call);
    if (call->flags & NORMA_CALL_GRADIENT) out->saved_bytes = sizeof(Kept) * job.channels.count();
    return NORMA_OK;
  });
}

template <void (*block)(const Job &, int64_t)>
int32_t run(const void *self, const norma_call *call, norma_error *error) {
  return guarded(error, [&] {
    if (!is_known(call)) return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
    const norma_host *host = static_cast<const Instance *>(self)->host;
    Job job(*call);
    host->parallel_for(
        host, call->threads, job.blocks(), 1,
        [](void *context, int64_t begin, int64_t end, uint32_t) {
          for (int64_t b = begin; b < end; b++) block(*static_cast<const Job *>(context), b);
        },
        &job);
    return NORMA_OK;
  });
}

// ---- The plugin ----------------------------------------------------------------------------------

const norma_norm &norm() {
  static const norma_hyper hypers[hyper_count] = {
      real(text("epsilon"), text("added to the variance"), 1e-3, 0, NORMA_HYPER_MINIMUM_EXCLUDED),
      [] {
        norma_hyper h = real(text("momentum"), text("weight of the new statistics"), 0.01, 0);
        h.flags |= NORMA_HYPER_HAS_MAXIMUM;
        h.maximum = 1;
        return h;
      }(),
      real(text("r_max"), text("the largest ratio of deviations"), 3, 1),
      real(text("d_max"), text("the largest shift, in running deviations"), 5, 0),
  };
  static const norma_state states[state_count] = {
      state(text("gamma"), text("gain"), NORMA_STATE_GAIN, 1, NORMA_MERGE_MEAN),
      state(text("beta"), text("shift"), NORMA_STATE_SHIFT, 0, NORMA_MERGE_MEAN),
      state(text("mean"), text("running mean"), NORMA_STATE_RUNNING, 0, NORMA_MERGE_WEIGHTED),
      state(text("variance"), text("running variance"), NORMA_STATE_RUNNING, 1, NORMA_MERGE_WEIGHTED),
  };
  static const norma_norm norm = [] {
    norma_norm n{};
    n.struct_size = sizeof n;
    n.id = text("example/batch_renorm");
    n.summary = text("batch norm, pulled towards the running statistics within limits");
    n.formula = text("((x - mean) / deviation * stop(r) + stop(d)) * gamma + beta");
    n.paper = text("arXiv:1702.03275");
    n.since = text("1.0.0");
    n.hypers = hypers;
    n.hyper_count = hyper_count;
    n.states = states;
    n.state_count = state_count;
    n.schema_version = 1;
    n.layouts = NORMA_LAYOUT_ANY_AXES | NORMA_LAYOUT_STRIDED;
    n.capabilities =
        NORMA_CAN_BATCH_STATISTICS | NORMA_CAN_DIFFER_IN_INFER | NORMA_CAN_PARTIAL_GRADIENT;
    n.create = create;
    n.destroy = destroy;
    n.plan = plan;
    n.forward_infer = run<forward_block>;
    n.forward_train = run<forward_block>;
    n.backward = run<backward_block>;
    return n;
  }();
  return norm;
}

int32_t get_norm(uint32_t index, const norma_norm **out, norma_error *error) {
  if (index != 0) return norma_fail(error, NORMA_NOT_FOUND, 0, 0, "there is one norm");
  *out = &norm();
  return NORMA_OK;
}

}  // namespace

extern "C" NORMA_EXPORT int32_t norma_plugin_entry_v1(
    const norma_host *, const norma_plugin **out, norma_error *) {
  static const norma_plugin plugin = [] {
    norma_plugin p{};
    p.struct_size = sizeof p;
    p.abi_major = NORMA_ABI_MAJOR;
    p.abi_minor = NORMA_ABI_MINOR;
    p.required_minor = 0;
    p.norm_count = 1;
    p.id = text("org.example.batch_renorm");
    p.version = text("1.0.0");
    p.license = text("MIT");
    p.build = text("C++17, " __VERSION__);
    p.get_norm = get_norm;
    return p;
  }();
  *out = &plugin;
  return NORMA_OK;
}
