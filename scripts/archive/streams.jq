# Filters for streams: begin, the table of contents and end stay, and a message keeps or loses its body parts with it.
#   zstdcat joe.zst | jq -cn -L scripts/archive 'include "streams"; messages(.size < 1e6)' | imap-fetch --source - --edited -o part.zst
# messages(f): only those messages for which f is true.
def messages(f): foreach inputs as $r (true; if $r.type == "message" then any($r; f) else . end;
  if . or ($r.type != "message" and $r.type != "body") then $r else empty end);
# folders(f): only those folders for which f is true of their record, and what is in them.
def folders(f): foreach inputs as $r ({}; if $r.type == "begin" then {} elif $r.type == "folder" and (any($r; f) | not) then .[$r.name] = true else . end;
  if .[$r.folder // $r.name // ""] then empty else $r end);
# change(f): every message as f makes it; its octets stay the last field.
def change(f): inputs | if .type == "message" then f | . as $m | del(.body, .body_base64) + ($m | with_entries(select(.key == "body" or .key == "body_base64"))) else . end;
