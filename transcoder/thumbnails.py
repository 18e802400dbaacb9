"""Cut FFmpeg's stream of JPEG pictures at their ends.  Pure."""

MAX_PICTURE_BYTES = 2_097_152
_START = b"\xff\xd8"
_END = b"\xff\xd9"


class JpegReader:
    """Collects whole pictures; one beyond `MAX_PICTURE_BYTES` is dropped.

    Inside entropy-coded data 0xFF is always followed by 0 or a restart marker (ITU-T T.81, B.1.1.5), and FFmpeg writes
    no embedded pictures, so the end marker is unambiguous.
    """

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they come; returns the pictures they completed."""
        self._buffer += data
        pictures: list[bytes] = []
        while (end := self._buffer.find(_END)) >= 0:
            picture, self._buffer = self._buffer[: end + 2], self._buffer[end + 2 :]
            if picture.startswith(_START):
                pictures.append(picture)
        if len(self._buffer) > MAX_PICTURE_BYTES:
            self._buffer = b""
        return pictures
