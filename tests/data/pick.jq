# Picks events.jsonl from the recording's sample.jsonl: events with a short JSON
# form as messages of the WebSocket API, small log batches as encoded values.
if .json != null and (.zeek | startswith("event ")) and (.json | length) <= 1100
then .json
elif (.topic | startswith("zeek/logs/")) and (.payload | length) <= 1100
then {topic, payload} | tojson
else empty
end
