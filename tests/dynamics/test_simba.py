"""SimBa's step against its formula."""

import torch
import torch.nn.functional as F

from wmzoo.contracts.common import enliven, noise, simplices
from wmzoo.dynamics.simba import SimbaDynamics


def test_a_stream_through_pre_normed_blocks_and_a_last_norm():
    model = enliven(SimbaDynamics(latent_dim=16, action_dim=2, units=(12, 8), expansion=3, activation="relu").double())
    z, a = simplices(5, 16), noise(5, 2, seed=1)
    first, *blocks, norm, out = model.net
    assert [first.out_features, blocks[0].up.out_features, blocks[1].up.out_features] == [4, 12, 8]
    x = F.linear(torch.cat([z, a], -1), first.weight, first.bias)
    for block in blocks:
        normed = F.layer_norm(x, (4,), block.norm.weight, block.norm.bias)
        x = x + F.linear(F.linear(normed, block.up.weight, block.up.bias).relu(), block.down.weight, block.down.bias)
    change = F.linear(F.layer_norm(x, (4,), norm.weight, norm.bias), out.weight, out.bias)
    expected = (z.log() + change).unflatten(-1, (2, 8)).softmax(-1).flatten(-2)
    torch.testing.assert_close(model(z, a), expected)
