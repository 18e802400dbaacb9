"""The transcoder's Prometheus metrics; labels from closed sets."""

from prometheus_client import Counter, Gauge, Histogram

first_segment_seconds = Histogram(
    "leams_transcoder_first_segment_seconds",
    "From the job on the stream to its first segment in the playlists.",
    buckets=(1, 2, 3, 4, 5, 6, 8, 10, 15, 30),
)
ffmpeg_speed = Histogram(
    "leams_transcoder_ffmpeg_speed_ratio",
    "Media seconds per second, as FFmpeg reports it every two seconds; below 1 it falls behind.",
    buckets=(0.5, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.1, 1.5),
)
restarts_total = Counter("leams_transcoder_restarts_total", "FFmpeg runs begun anew, by why.", ["reason"])
running_jobs = Gauge("leams_transcoder_running_jobs", "Broadcasts this worker transcodes now.")
planned_cores = Gauge("leams_transcoder_planned_cores_ratio", "Share of the core budget that running ladders claim.")
cost_ratio = Histogram(
    "leams_transcoder_cost_ratio",
    "Cores that a ladder's FFmpeg takes beside what calibration said of it.",
    buckets=(0.5, 0.7, 0.85, 0.95, 1.05, 1.15, 1.3, 1.5, 2.0),
)
shed_total = Counter("leams_transcoder_shed_total", "Rungs shed from running ladders, because they were too slow.")
grown_total = Counter(
    "leams_transcoder_grown_total", "Ladders that got rungs (back) while they ran, because there was room."
)
jobs_total = Counter("leams_transcoder_jobs_total", "Jobs finished, by how they ended.", ["ending"])
segment_write_seconds = Histogram(
    "leams_transcoder_segment_write_seconds",
    "Store and window write of one segment in all renditions.",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3),
)
upload_lag_seconds = Gauge("leams_upload_lag_seconds", "Age of the oldest file that the store has not got yet.")
upload_queue = Gauge("leams_upload_queue", "Files that the store has not got yet.")
upload_bytes_total = Counter("leams_upload_bytes_total", "Copied to the store.")
upload_failures_total = Counter("leams_upload_failures_total", "Copies that failed and will be tried again.")
uploads_lost_total = Counter("leams_uploads_lost_total", "Files that were gone before the store had them.")
