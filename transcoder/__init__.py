"""The FFmpeg worker pool: claims live jobs and turns RTMP into CMAF renditions."""
