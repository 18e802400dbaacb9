"""A picture that carries the wall clock in a form a program can read back from a canvas.

The top strip is 16 squares, white for a one: the time in ticks of 20 ms, modulo 2^16 (21.8 minutes).
"""

from clients.publish import Picture, ffmpeg_path

BITS = 16
TICK_SECONDS = 0.02


def clock_picture_command(picture: Picture, address: str) -> list[str]:
    """Publish the picture with its clock: `time(0)` is the wall clock of the frame (ffmpeg-utils, Expressions)."""
    square = picture.width // BITS
    ticks = f"mod(floor(time(0)/{TICK_SECONDS})\\,{2**BITS})"
    boxes = [f"drawbox=x=0:y=0:w=iw:h={square}:color=black:t=fill"]
    boxes += [
        f"drawbox=x={square * bit}:y=0:w={square}:h={square}:color=white:t=fill:enable='bitand({ticks}\\,{2**bit})'"
        for bit in range(BITS)
    ]
    keyframe_frames = round(picture.keyframe_seconds * picture.fps)
    return [
        ffmpeg_path(),
        *("-hide_banner", "-loglevel", "warning", "-nostdin"),
        *("-re", "-f", "lavfi", "-i", f"testsrc2=size={picture.width}x{picture.height}:rate={picture.fps}"),
        *("-re", "-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000"),
        *("-vf", f"{','.join(boxes)},format=yuv420p"),
        *("-c:v", "libx264", "-preset", picture.preset, "-tune", "zerolatency", "-g", str(keyframe_frames)),
        *("-keyint_min", str(keyframe_frames), "-sc_threshold", "0", "-b:v", f"{picture.video_kbps}k"),
        *("-c:a", "aac", "-b:a", "96k", "-f", "flv", address),
    ]


READ_CLOCK_SCRIPT = f"""
() => {{
  const video = document.querySelector("video");
  if (!video || video.readyState < 2 || !video.videoWidth) return null;
  const now = Date.now();
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const square = canvas.width / {BITS};
  let ticks = 0;
  for (let bit = 0; bit < {BITS}; bit++) {{
    const [red, green, blue] = context.getImageData(square * (bit + 0.5), square / 2, 1, 1).data;
    if (red + green + blue > 384) ticks += 2 ** bit;
  }}
  const here = Math.floor(now / {TICK_SECONDS * 1000}) % {2**BITS};
  return (((here - ticks) % {2**BITS}) + {2**BITS}) % {2**BITS} * {TICK_SECONDS};
}}
"""
"""Evaluated in the page: seconds between the frame's making and now, or null while there is no picture."""

PLAUSIBLE_SECONDS = 300.0
"""A blurred square reads as another time; more than this is a misread, not a delay."""
