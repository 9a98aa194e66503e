"""The recorded 1,000-component PCA of brainscore-vision's layer search, reproduced."""

import importlib.util

import numpy as np
import torch

from wiringup.benchmarks.metrics import pca


def test_pca_of_a_thousand_images(shared):
    spec = importlib.util.spec_from_file_location("peer_inputs", shared / "peer" / "inputs.py")
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    with np.load(shared / "peer" / "pca_25088.npz", allow_pickle=False) as content:
        recorded = dict(content)
    found = pca.fit(torch.from_numpy(inputs.imagenet_like(25088)))
    # 1,000 centred images have 999 components; the peer's last is a direction of rounding
    assert len(found.singular) == 999
    assert recorded["explained_variance"][999] < 1e-10
    # the peer computes in float32
    np.testing.assert_allclose(found.explained_variance, recorded["explained_variance"][:999], rtol=5e-6)
    first = inputs.features("raw", inputs.majaj("IT")["Z"][:8], 25088, 77)
    scores, expected = found.transform(torch.from_numpy(first)).numpy(), recorded["Y_first8"][:, :999]
    signs = np.sign((scores * expected).sum(0))
    np.testing.assert_allclose((scores * signs)[:, :30], expected[:, :30], atol=5e-5)
    # float32 mixes components of nearly equal variance; what they span together stays
    np.testing.assert_allclose(scores @ scores.T, expected @ expected.T, atol=2e-3)
