"""Drawing: ``render_video`` turns a plan into frames and index masks.

Masks come from polygons on fixed-point coordinates alone (no blending, no warps), so they are the same on every
machine. Images may use blending and interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from actiseg_noise.datasets.kitchen.catalogue import HEIGHT, WIDTH, rgb
from actiseg_noise.datasets.kitchen.outlines import Part
from actiseg_noise.datasets.kitchen.paint import Affine, Canvas, Style, paint_effect, paint_object, to_screen
from actiseg_noise.datasets.kitchen.shapes import build_hand
from actiseg_noise.datasets.kitchen.states import build_state
from actiseg_noise.datasets.kitchen.textures import counter, grain, vignette
from actiseg_noise.datasets.kitchen.video import (
    Arm,
    Backdrop,
    Camera,
    Effect,
    KitchenObject,
    PlannedVideo,
    Point,
    Pose,
)


@dataclass(frozen=True)
class RenderedFrame:
    """``image`` uint8 RGB [240, 400, 3]; ``mask`` uint8 [240, 400] of object ids, 0 background, visible parts."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def _camera_affine(camera: Camera) -> Affine:
    """Return counter pixels -> picture pixels."""
    c, s = camera.zoom * cos(camera.angle), camera.zoom * sin(camera.angle)
    x, y = WIDTH / 2, HEIGHT / 2
    return (c, -s, x + camera.dx - c * x + s * y, s, c, y + camera.dy - s * x - c * y)


def _pose_affine(camera: Affine, pose: Pose) -> Affine:
    """Return object pixels -> picture pixels: ``camera`` after the pose."""
    c, s = pose.scale * cos(pose.angle), pose.scale * sin(pose.angle)
    a, b, d, e = c, -s * pose.squash, s, c * pose.squash
    p, q, r, t, u, v = camera
    return (
        p * a + q * d,
        p * b + q * e,
        p * pose.x + q * pose.y + r,
        t * a + u * d,
        t * b + u * e,
        t * pose.x + u * pose.y + v,
    )


def _background(setting: Backdrop, camera: Affine) -> NDArray[np.uint8]:
    """Return the counter seen through the camera, uint8 [HEIGHT, WIDTH, 3], with its back edge if it has one."""
    c, s = cos(setting.turn), sin(setting.turn)
    x, y = setting.offset
    world = np.array([[c, -s, -x], [s, c, -y], [0, 0, 1]])
    seen = np.array([camera[:3], camera[3:], (0, 0, 1)]) @ world
    image = cv2.warpAffine(
        counter(setting.texture),
        seen[:2],
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    cv2.multiply(image, np.array((*setting.tint, 0.0)), image)
    if setting.edge:
        e = setting.edge
        for low, high, colour in ((-80.0, e, rgb(setting.wall)), (e, e + 4, (70, 64, 60))):
            corners = np.array([(-80.0, low), (WIDTH + 80.0, low), (WIDTH + 80.0, high), (-80.0, high)])
            cv2.fillPoly(image, [to_screen(corners, camera)], colour, cv2.LINE_AA, 4)
    return np.asarray(image, dtype=np.uint8)


def _forearm(arm: Arm, pose: Pose, elbow: Point) -> list[Part]:
    """Return forearm and sleeve in counter pixels, from the wrist of ``pose`` to ``elbow``."""
    wx, wy = pose.x - 12 * cos(pose.angle) * pose.scale, pose.y - 12 * sin(pose.angle) * pose.scale
    length = hypot(elbow[0] - wx, elbow[1] - wy)
    ux, uy = (elbow[0] - wx) / length, (elbow[1] - wy) / length

    def band(start: float, end: float, near: float, far: float) -> NDArray[np.float64]:
        corners = ((start, near), (end, far), (end, -far), (start, -near))
        return np.array([(wx + ux * d - uy * n, wy + uy * d + ux * n) for d, n in corners])

    parts = [Part(band(0, length, 12.5, 22), "body")]
    if arm.sleeve:
        parts.append(Part(band(min(45.0, 0.4 * length), length, 18, 27), "accent"))
    return parts


def _draw_object(canvas: Canvas, thing: KitchenObject, t: int, camera: Affine) -> None:
    pose = thing.poses[t]
    affine = _pose_affine(camera, pose)
    look = thing.look
    if thing.arm:
        style = Style.of(thing.arm.skin, thing.arm.sleeve or thing.arm.skin, look.flesh, thing.tint, look.material)
        groups = [(_forearm(thing.arm, pose, thing.arm.elbows[t]), camera)]
        groups.append((list(build_hand(thing.arm.side, thing.arm.curl)), affine))
    else:
        style = Style.of(thing.colour, look.accent, look.flesh, thing.tint, look.material)
        parts = build_state(look, thing.variant, thing.state, thing.amounts[t])
        groups = [(list(parts), affine)]
    paint_object(canvas, groups, style, thing.object_id, affine)


def _draw_frame(video: PlannedVideo, t: int) -> RenderedFrame:
    camera = _camera_affine(video.cameras[t])
    canvas = Canvas(_background(video.setting, camera), np.zeros((HEIGHT, WIDTH), np.uint8))
    items: list[KitchenObject | Effect] = [*video.objects, *video.effects]
    for item in sorted(items, key=lambda item: item.layer):
        if isinstance(item, Effect):
            paint_effect(canvas, item, t, camera)
        else:
            _draw_object(canvas, item, t, camera)
    image = canvas.image
    red, green, blue = video.setting.light
    cv2.multiply(image, vignette(), image, scale=1 / 128)
    cv2.multiply(image, np.array((red, green, blue, 0.0)), image)
    x, y = video.setting.noise
    x, y = (x + 23 * t) % 64, (y + 41 * t) % 64
    cv2.add(image, grain()[y : y + HEIGHT, x : x + WIDTH], image)
    cv2.subtract(image, np.array((8.0, 8.0, 8.0, 0.0)), image)
    return RenderedFrame(image, canvas.mask)


def render_video(video: PlannedVideo) -> list[RenderedFrame]:
    """Return the frames of a plan, first to last."""
    return [_draw_frame(video, t) for t in range(len(video.cameras))]
