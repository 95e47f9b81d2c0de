"""Kinds of failures of further programs, which were recorded once, after the rules of signatures were fixed.

The rules are not changed because of these kinds. If they ever are, the kinds belong to kinds.py, and this file needs others.
"""

from kinds import ID, JAVA, NAMES, READ, WORDS, Kind, anything, lines, noise, record, rows, text

BAD_NUMBERS = ["seven", "none", "n/a", "12 kg", "1.234,50", "~7"]


def repeated(line, bad, most=60):
    """A line that is correct, a few times, and then a bad one."""
    return lambda r: line * r.randint(1, most) + (bad(r) if callable(bad) else bad)


def reference(r):
    return f"/srv/prices/{r.choice(NAMES)}-{r.randint(1, 99)}.csv"


FRESH = [
    # Documents, media and archives
    Kind("pandoc-not-docx", "pandoc", ".docx", noise, "pandoc {} -o out/{/.}.md"),
    Kind("ghostscript-undefined", "gs", ".ps", repeated("% a\n", lambda r: f"{r.choice(WORDS)} showpage\n"), "gs -q -dNOPAUSE -dBATCH -sDEVICE=nullpage {}"),
    Kind("rsvg-syntax", "rsvg-convert", ".svg", repeated("<!-- a -->\n", "<svg><g></svg>\n"), "rsvg-convert {} -o out/{/.}.png"),
    Kind("sox-not-wav", "sox", ".wav", noise, "sox {} out/{/.}.flac"),
    Kind("flac-not-flac", "flac", ".flac", noise, "flac -t -s {}"),
    Kind("exiftool-not-jpeg", "exiftool", ".jpg", anything, "exiftool -overwrite_original -Comment=night {}"),
    Kind("lz4-header", "lz4", ".lz4", anything, "lz4 -d {} out/{/.}"),
    Kind("dpkg-not-package", "dpkg-deb", ".deb", anything, "dpkg-deb -x {} out/{/.}"),
    Kind("gpg-no-data", "gpg", ".asc", anything, "gpg --batch --homedir out --decrypt {} > out/{/.}"),
    Kind("xlsx-not-zip", "in2csv", ".xlsx", noise, "in2csv -f xlsx {} > out/{/.}.csv"),
    # Databases, tables and transfers
    Kind("pg-restore-not-archive", "pg_restore", ".dump", anything, "pg_restore -f out/{/.}.sql {}"),
    Kind("psql-refused", "psql", ".sql", anything, "psql -X -h 127.0.0.1 -p $(($$ % 8 + 1)) -U night -f {}"),
    Kind("sqlite-syntax", "sqlite3", ".sql", repeated("select 1;\n", lambda r: f"select 1 from 2 {r.choice(WORDS)};\n"), "sqlite3 -bail :memory: < {}"),
    Kind("csvcut-column", "csvcut", ".csv", lambda r: "id,name,size\n" + rows(r, "1,x,2"), "csvcut -c total {}"),
    Kind("rsync-refused", "rsync", ".txt", anything, "rsync -a --port=$(($$ % 8 + 1)) {} 127.0.0.1::night/"),
    # Compilers, parsers and linters
    Kind("shellcheck-if", "shellcheck", ".sh", repeated("echo a\n", "if true; then\necho b\n"), "shellcheck -f gcc -s sh {}"),
    Kind("yamllint-duplicate", "yamllint", ".yaml", repeated("# a\n", lambda r: f"total: {r.randint(1, 99)}\ntotal: 2\n"), "yamllint -d relaxed {}"),
    Kind("gfortran-symbol", "gfortran", ".f90", repeated("! a\n", lambda r: f"program a\nimplicit none\noffset = {r.randint(1, 99)}\nend program\n"),
         "gfortran -c {} -o out/{/.}.o"),
    Kind("gofmt-syntax", "gofmt", ".go", repeated("// a\n", lambda r: f"package main\n\nfunc main() {{ a {r.choice(WORDS)} }}\n"), "gofmt -l {}"),
    Kind("ocaml-type", "ocaml", ".ml", repeated("(* a *)\n", lambda r: f'let n : int = "{r.choice(NAMES)}"\n'), "ocaml {}"),
    Kind("tidy-element", "tidy", ".html", repeated("<!-- a -->\n", "<!doctype html><title>a</title><nightly>b</nightly>\n"), "tidy -q -e {}"),
    Kind("dot-syntax", "dot", ".dot", lambda r: "digraph g {\n" + "a -> b;\n" * r.randint(1, 60) + f"edge {r.choice(WORDS)};\n}}\n", "dot -Tsvg {} -o out/{/.}.svg"),
    Kind("gnuplot-function", "gnuplot", ".gp", repeated("set terminal dumb\n", lambda r: f"plot night({r.randint(1, 99)})\n"), "gnuplot {}"),
    Kind("protoc-type", "protoc", ".proto", repeated("// a\n", 'syntax = "proto3";\nmessage Row { Invoice total = 1; }\n'),
         "protoc -I {//} --descriptor_set_out=out/{/.}.pb {}"),
    Kind("nasm-symbol", "nasm", ".asm", repeated("nop\n", "mov eax, [night_offset]\n"), "nasm -f elf64 {} -o out/{/.}.o"),
    Kind("bison-syntax", "bison", ".y", repeated("/* a */\n", lambda r: f"%%\nrow: 'a' {r.choice(WORDS)} = ;\n"), "bison {} -o out/{/.}.c"),
    Kind("msgfmt-string", "msgfmt", ".po", repeated("# a\n", lambda r: f'msgid "{r.choice(NAMES)}\nmsgstr ""\n'), "msgfmt {} -o out/{/.}.mo"),
    Kind("cmake-command", "cmake", ".cmake", repeated("# a\n", lambda r: f"night_copy({r.choice(WORDS)})\n"), "cmake -P {}"),
    Kind("black-parse", "black", ".py", repeated("# a\n", lambda r: f"def {r.choice(WORDS)} {r.choice(WORDS)}:\n"), "black -q --check {} || black {}"),
    Kind("mypy-type", "mypy", ".py", repeated("# a\n", lambda r: f'total: int = "{r.choice(NAMES)}"\n'), "mypy --cache-dir out --scripts-are-modules {}"),
    Kind("ruff-name", "ruff", ".py", repeated("# a\n", "print(total)\n"), "ruff check --no-cache --output-format concise {}"),
    Kind("sass-variable", "sass", ".scss", repeated("// a\n", lambda r: f"a {{ width: $total * {r.randint(1, 99)}; }}\n"), "sass {} out/{/.}.css"),
    Kind("prettier-syntax", "prettier", ".js", repeated("// a\n", lambda r: f"let a = {r.choice(WORDS)} {r.choice(WORDS)};\n"), "prettier --check {}"),
    # Languages
    Kind("bash-unbound", "bash", ".env", repeated("a=1\n", lambda r: f"b={r.randint(1, 99)}\n"), "bash -uc '. \"$1\"; echo \"$night_total\"' sh {}"),
    Kind("tcl-number", "tclsh", ".txt", lambda r: r.choice(BAD_NUMBERS), "tclsh {script} {}", "incr n [read [open [lindex $argv 0]]]\n"),
    Kind("ruby-key", "ruby", ".json", record(order=lambda r: f"ORD-{r.randint(1, 10**5)}"), "ruby {script} {}",
         "require 'json'\n{}.fetch(JSON.parse(File.readlines(ARGV[0])[0])['order'])\n"),
    Kind("php-parse", "php", ".php", lambda r: "<?php\n" + "// a\n" * r.randint(1, 60) + f"$a = 1 {r.choice(WORDS)};\n", "php -l {}"),
    Kind("perl-module", "perl", ".txt", anything, "perl {script} {}", "use Night::Ocr;\n"),
    Kind("perl-no-file", "perl", ".txt", lambda r: reference(r) + "\n", "perl {script} {}", "chomp(my $f = <>);\nopen(my $h, '<', $f) or die \"cannot open $f: $!\";\n"),
    Kind("lua-syntax", "lua5.4", ".lua", repeated("-- a\n", lambda r: f"local a = 1 {r.choice(WORDS)}\n"), "lua5.4 {}"),
    Kind("java-no-file", "java", ".txt", lambda r: reference(r) + "\n", JAVA,
         "import java.nio.file.*;\nclass Read { public static void main(String[] a) throws Exception {\n"
         "Files.readString(Path.of(Files.readAllLines(Path.of(a[0])).get(0))); } }\n"),
    Kind("node-customer", "node", ".json", record(name=lambda r: r.choice(NAMES)), "node {script} {}",
         "const row = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8').split('\\n')[0]);\nthrow new Error(`no customer ${row.name} in the list`);\n"),
    Kind("python-int", "python3", ".csv", lambda r: rows(r, "1,x," + r.choice(BAD_NUMBERS)), "python3 {script} {}",
         "import sys\nfor line in open(sys.argv[1]):\n    int(line.strip().split(',', 2)[2])\n"),
    Kind("python-nul", "python3", ".csv", lambda r: lines(r, "a,\0,b"), "python3 {script} {}",
         "import sys\nfor line in open(sys.argv[1]):\n    compile(line, 'row', 'eval') if '\\0' in line else None\n"),
    Kind("python-log-json", "python3", ".json", ID, "python3 {script} {}", READ +
         "import time\nprint(json.dumps({'ts': time.time(), 'level': 'error', 'msg': 'upload failed: quota exceeded', 'order': f\"A{row['id']}\"}), file=sys.stderr)\nsys.exit(1)\n"),
]
