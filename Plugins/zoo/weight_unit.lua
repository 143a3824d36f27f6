norm.define("weight_unit", {
  doc = "weights of unit length: those of each output, or those of each input",
  paper = "Loshchilov et al. 2024, arXiv:2410.01131",
  on = "weight",
  -- nGPT divides the weights themselves after each step; here they are divided where they are used.
  hyper = { of = norm.choice { "output", choices = { "output", "input" }, doc = "what has unit length" },
            epsilon = norm.real { 1e-12, above = 0, doc = "the least length" } },
  forward = function(w, s)
    local role = s.of == "output" and "space" or "channel"
    return w / w:norm(2, role):max(s.epsilon)
  end,
})

-- Values of another hand: torch.nn.functional.normalize, PyTorch 2.15.0
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.weight_unit():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 1, -0.8944272, 0.9486833, 0.2425356 }, { 0, 0.4472136, -0.3162278, 0.9701425 } },
    { { 0.8, 0.2425356, -0.4472136, 1 }, { -0.6, 0.9701425, 0.8944272, 0 } } }, 2e-5)
end)
