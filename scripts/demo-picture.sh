#!/usr/bin/env bash
# Converts terminal output to an SVG picture: scripts/demo.sh | scripts/demo-picture.sh > docs/demo.svg
set -euo pipefail
awk '
  { gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;"); line[NR] = $0; if (length($0) > widest) widest = length($0) }
  END {
    width = widest * 9 + 48; height = NR * 21 + 74
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title\">\n", width, height, width, height
    print "  <title id=\"title\">The output of make demo in a terminal</title>"
    printf "  <rect width=\"%d\" height=\"%d\" rx=\"10\" fill=\"#16202b\"/>\n", width, height
    print "  <circle cx=\"22\" cy=\"20\" r=\"6\" fill=\"#e06c60\"/><circle cx=\"42\" cy=\"20\" r=\"6\" fill=\"#e0b050\"/><circle cx=\"62\" cy=\"20\" r=\"6\" fill=\"#6cb86a\"/>"
    print "  <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\" xml:space=\"preserve\" style=\"white-space: pre\" fill=\"#d6dee6\">"
    print "    <text x=\"24\" y=\"52\" fill=\"#8fbf8a\">$ make demo</text>"
    for (n = 1; n <= NR; n++) {
      color = line[n] ~ /got the returned ticket/ ? " fill=\"#8fbf8a\"" : line[n] ~ /returned the ticket/ ? " fill=\"#e0b050\"" : line[n] ~ /waiting, position/ ? " fill=\"#9fc3e6\"" : ""
      if (line[n] != "") printf "    <text x=\"24\" y=\"%d\"%s>%s</text>\n", 52 + n * 21, color, line[n]
    }
    print "  </g>\n</svg>"
  }'
