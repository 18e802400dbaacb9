"""What a broadcast is: keys, states, ladders, fragments, playlists; imports nothing else of ours."""
