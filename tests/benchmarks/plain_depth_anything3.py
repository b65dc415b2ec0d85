"""Depth Anything 3, any-view, as its description reads: the yardstick of the speed tests.

Every step of the published description is done where it is described and for every view: views re-ordered
around the reference, every token rotated, the ray chain always run, resizing before the 1 x 1 convolutions.
No gradients, no options. Weights are those of an `AnyViewNetwork`.
"""

import torch
import torch.nn.functional as F

from fast3dis_core.model.depth_anything3.camera_head import decode_cameras
from fast3dis_core.model.depth_anything3.reference_view import select_reference


class PlainDepthAnything3:
    """Call with normalized images (B, S, 3, H, W); returns depth, confidence, ray, cameras."""

    def __init__(self, network):
        self.config = network.config
        self.weights = {name: value.detach() for name, value in network.state_dict().items()}
        self.decoder = network.cam_dec

    def __call__(self, images):
        height, width = images.shape[-2:]
        levels, token = self.backbone(images)
        depth, confidence, ray, ray_confidence = self.head(levels, height, width)
        camera_to_world, intrinsics = decode_cameras(self.decoder(token), height, width)
        return depth, confidence, ray, ray_confidence, camera_to_world, intrinsics

    def linear(self, name, x):
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], eps)

    def conv(self, name, x, **options):
        return F.conv2d(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"), **options)

    def backbone(self, images):
        w, prefix = self.weights, "backbone.pretrained"
        batch, views, _, height, width = images.shape
        gh, gw = height // 14, width // 14
        x = self.conv(f"{prefix}.patch_embed.proj", images.flatten(0, 1), stride=14).flatten(2).transpose(1, 2)
        x = torch.cat([w[f"{prefix}.cls_token"].expand(len(x), -1, -1), x], dim=1)
        stored = w[f"{prefix}.pos_embed"]
        grid = stored[:, 1:].reshape(1, 37, 37, -1).permute(0, 3, 1, 2)
        scale = ((gh + 0.1) / 37, (gw + 0.1) / 37)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic", recompute_scale_factor=False)
        x = x + torch.cat([stored[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
        x = x.reshape(batch, views, gh * gw + 1, -1)
        rows, columns = torch.meshgrid(torch.arange(gh), torch.arange(gw), indexing="ij")
        patches = torch.stack([rows, columns], dim=-1).reshape(-1, 2).to(x.device) + 1
        local_positions = torch.cat([patches.new_zeros(1, 2), patches]).expand(batch * views, -1, -1)
        same = torch.ones_like(local_positions)
        same[:, 0] = 0
        global_positions = same.reshape(batch, -1, 2)
        start, order, local, outputs = self.config.alternating_start, None, x, []
        for i in range(self.config.depth):
            if i == start - 1 and views >= 3:
                reference = select_reference(x[:, :, 0])
                order = torch.stack(
                    [torch.tensor([r, *(s for s in range(views) if s != r)]) for r in reference.tolist()]
                ).to(x.device)
                rows = torch.arange(batch, device=x.device)[:, None]
                x, local = x[rows, order], local[rows, order]
            if i == start:
                camera = w[f"{prefix}.camera_token"]
                camera = torch.cat([camera[:, :1], camera[:, 1:].expand(-1, views - 1, -1)], dim=1)
                x = torch.cat([camera.expand(batch, -1, -1)[:, :, None], x[:, :, 1:]], dim=2)
            if i >= start and i % 2 == 1:
                x = self.block(i, x.reshape(batch, -1, x.shape[-1]), global_positions).reshape(x.shape)
            else:
                x = local = self.block(i, x.reshape(batch * views, -1, x.shape[-1]), local_positions).reshape(x.shape)
            if i in self.config.out_layers:
                o = torch.cat([local, x], dim=-1)
                if order is not None:
                    o = o[rows, order.argsort(dim=1)]
                outputs.append(o)
        half = x.shape[-1]
        levels = [
            torch.cat([o[..., :half], self.norm(f"{prefix}.norm", o[..., half:], 1e-5)], dim=-1)[:, :, 1:].flatten(0, 1)
            for o in outputs
        ]
        return levels, outputs[-1][:, :, 0]

    def block(self, i, x, positions):
        w, name, heads = self.weights, f"backbone.pretrained.blocks.{i}", self.config.num_heads
        n, length, width = x.shape
        qkv = self.linear(f"{name}.attn.qkv", self.norm(f"{name}.norm1", x, 1e-6))
        q, k, v = qkv.reshape(n, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        if i >= self.config.qk_norm_start:
            q, k = self.norm(f"{name}.attn.q_norm", q, 1e-5), self.norm(f"{name}.attn.k_norm", k, 1e-5)
        if i >= self.config.rope_start:
            q, k = rotate(q, positions), rotate(k, positions)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        x = x + w[f"{name}.ls1.gamma"] * self.linear(f"{name}.attn.proj", attended)
        hidden = self.norm(f"{name}.norm2", x, 1e-6)
        if self.config.ffn == "swiglu":
            a, b = self.linear(f"{name}.mlp.w12", hidden).chunk(2, dim=-1)
            hidden = self.linear(f"{name}.mlp.w3", F.silu(a) * b)
        else:
            hidden = self.linear(f"{name}.mlp.fc2", F.gelu(self.linear(f"{name}.mlp.fc1", hidden)))
        return x + w[f"{name}.ls2.gamma"] * hidden

    def head(self, levels, height, width):
        parts = [self.head_chunk([x[i : i + 8] for x in levels], height, width) for i in range(0, len(levels[0]), 8)]
        return [torch.cat(column) for column in zip(*parts, strict=True)]

    def head_chunk(self, levels, height, width):
        gh, gw = height // 14, width // 14
        maps = []
        for k, x in enumerate(levels):
            x = self.norm("head.norm", x, 1e-5).transpose(1, 2).reshape(len(x), -1, gh, gw)
            x = add_code(self.conv(f"head.projects.{k}", x), width / height)
            weight, bias = (self.weights.get(f"head.resize_layers.{k}.{name}") for name in ("weight", "bias"))
            if k < 2:
                x = F.conv_transpose2d(x, weight, bias, stride=4 >> k)
            elif k == 3:
                x = F.conv2d(x, weight, bias, stride=2, padding=1)
            maps.append(self.conv(f"head.scratch.layer{k + 1}_rn", x, padding=1))
        x = self.conv("head.scratch.output_conv1", self.fuse(maps, ""), padding=1)
        x = add_code(resize(x, (height, width)), width / height)
        x = F.relu(self.conv("head.scratch.output_conv2.0", x, padding=1))
        logits = self.conv("head.scratch.output_conv2.2", x)
        x = self.fuse(maps, "_aux")
        for i in range(5):
            x = self.conv(f"head.scratch.output_conv1_aux.3.{i}", x, padding=1)
        x = self.conv("head.scratch.output_conv2_aux.3.0", add_code(x, width / height), padding=1)
        x = self.norm("head.scratch.output_conv2_aux.3.2", x.permute(0, 2, 3, 1), 1e-5).permute(0, 3, 1, 2)
        rays = self.conv("head.scratch.output_conv2_aux.3.5", F.relu(x)).permute(0, 2, 3, 1)
        return logits[:, 0].exp(), logits[:, 1].exp() + 1, rays[..., :6], rays[..., 6].exp() + 1

    def fuse(self, maps, suffix):
        sizes = [[2 * side for side in maps[0].shape[-2:]], *(x.shape[-2:] for x in maps[:-1])]
        fused = None
        for k in (3, 2, 1, 0):
            name = f"head.scratch.refinenet{k + 1}{suffix}"
            fused = maps[3] if fused is None else fused + self.residual(f"{name}.resConfUnit1", maps[k])
            fused = self.conv(f"{name}.out_conv", resize(self.residual(f"{name}.resConfUnit2", fused), sizes[k]))
        return fused

    def residual(self, name, x):
        hidden = self.conv(f"{name}.conv1", F.relu(x), padding=1)
        return x + self.conv(f"{name}.conv2", F.relu(hidden), padding=1)


def resize(x, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def rotate(x, positions):
    """Rows turn the first half of a head's channels, columns the second; x (N, heads, L, C)."""
    halves = []
    for axis, half in enumerate(x.chunk(2, dim=-1)):
        pairs = half.shape[-1] // 2
        frequency = 100.0 ** -(torch.arange(pairs, device=x.device) / pairs)
        angle = positions[..., axis, None] * frequency  # (N, L, pairs)
        angle = torch.cat([angle, angle], dim=-1)[:, None]
        a, b = half.chunk(2, dim=-1)
        halves.append(half * angle.cos() + torch.cat([-b, a], dim=-1) * angle.sin())
    return torch.cat(halves, dim=-1)


def add_code(x, aspect):
    channels, height, width = x.shape[1:]
    frequency = 100.0 ** -(torch.arange(channels // 4, device=x.device) / (channels // 4))
    parts = []
    for size, extent in ((width, aspect), (height, 1.0)):
        limit = extent / (aspect**2 + 1) ** 0.5 * (size - 1) / size
        angle = torch.linspace(-limit, limit, size, device=x.device)[:, None] * frequency
        parts.append(torch.cat([angle.sin(), angle.cos()], dim=-1))
    across = parts[0][None].expand(height, -1, -1)
    down = parts[1][:, None].expand(-1, width, -1)
    code = torch.cat([across, down], dim=-1).permute(2, 0, 1)
    return x + 0.1 * code
