norm.define("batch_free", {
  doc = "batch norm without scale and shift and with equal statistics in both modes: for probing",
  paper = "Ioffe & Szegedy 2015, arXiv:1502.03167, with transductive inference",
  hyper = { epsilon = norm.real { 1e-5, min = 0, doc = "added to the variance" } },
  claims = { infer = "batch" },
  forward = function(x, s)
    return (x - x:mean("batch", "space")) * (x:variance("batch", "space") + s.epsilon):rsqrt()
  end,
})

-- Values of another hand: torch.nn.functional.batch_norm, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.batch_free():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.1999998, -1.611555, 1.526114, -0.5070879 }, { -0.1999998, 0.4240935, -1.044183, 1.521264 } },
    { { 1.399999, 0.0848187, -0.7228959, 0.1690293 }, { -1.399999, 1.102643, 0.2409653, -1.183205 } } }, 2e-5)
end)
