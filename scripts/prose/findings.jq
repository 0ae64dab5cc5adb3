# Formats the findings of Harper. A word of the vocabulary is accepted in every capitalization and in the possessive, even if it is
# spelled differently in American English. Harper names the extracted files, in which `/` is `%`.
($vocabulary | ascii_downcase | split("\n") | map({key: ., value: true}) | from_entries) as $known
| .[]
| (.file | rtrimstr(".md") | gsub("%"; "/")) as $file
| .lints[]
| select(.rule != "SpellCheck" or ($known[.matched_text | ascii_downcase | sub("['’]s$|[.]$"; "")] | not))
| "\($file):\(.line):\(.column): \(.message) (\(.rule))"
