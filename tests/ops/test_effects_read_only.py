"""Commands that certainly only read: the table, and the proof by running them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fourfold_tools.ops.effects import classify

# Commands whose programs are on every machine that runs these tests; each is run under bash and must change nothing.
RUN = r"""
ls
ls -la
ls -la --color=never src
ls *.py src/*.py
ls -R src
ls "name with space.txt"
ls name\ with\ space.txt
cat a.py
cat a.py src/b.py
cat -n -- a.py
cat < a.py
cat a.py 2>/dev/null
cat a.py > /dev/null 2>&1
cat a.py &> /dev/null
cat missing 2>&1
cat a.py >&2
cat *
cat [ab].py
cat $'a.py'
c\at a.py
"cat" 'a.py'
echo hi
echo "$HOME" $USER ${x:-default} "${y}" $# $? "$@" $1
echo 'a;b' "c|d" e\;f 'x > y' "rm -rf /"
echo a#b # a comment; rm x
echo $((1 + 2 * 3))
echo "$(ls)" `pwd`
echo "$(cat a.py | head -n 1)"
echo "$(echo "$(echo "nested")")"
echo {a,b}{1..3}
echo ~
echo -n x; echo y
echo données "naïve…"
echo "a¶b"
printf '%s\n' a b "$x"
printf -- '%d%%\n' 5
pwd
cd src && ls
cd src; ls; cd ..; ls
cd src && cd .. && cat a.py
(cd src && ls) && cat a.py
cd /nowhere || echo no
cd src || exit 1; ls
{ ls; pwd; }
{ ls; pwd; } | wc -l
(ls; pwd) 2>/dev/null
head a.py
head -n 1 a.py
head -c 10 a.py
head -2 a.py
tail a.py
tail -n 2 a.py
tail -5 a.py
tail -n +2 a.py
tail -c 20 a.py src/b.py
wc -l a.py
wc a.py src/b.py
wc -l < a.py
cat a.py | wc -l
nl a.py
tac a.py
rev a.py
cut -d' ' -f1 a.py
cut -d, -f2 data.csv
cut --delimiter=, --fields=1 data.csv
paste -d, a.py src/b.py
join data.csv data.csv
comm a.py a.py
fold -w 20 a.py
fmt -w 40 a.py
column -t -s, data.csv
expand a.py
tr a-z A-Z < a.py
od -c a.py
od -A x -t x1z a.py
strings a.py
sort a.py
sort -u a.py
sort -t, -k2,2n data.csv
sort -rn -k1 < data.csv
sort src/*.py
sort --reverse --unique a.py
sort a.py | uniq -c
uniq a.py
uniq -c a.py
sort a.py | uniq -c | sort -rn | head -5
diff a.py src/b.py
diff -u a.py src/b.py
diff -r src src
diff <(sort a.py) <(sort src/b.py)
cmp a.py src/b.py
stat a.py
stat -c %s a.py
du -sh .
du -a src
df -h
basename /x/y.py .py
dirname /x/y.py
realpath a.py
readlink -f a.py
md5sum a.py
sha256sum a.py src/b.py
sha256sum -c sums
cksum a.py
base64 a.py
base64 -w0 a.py
seq 3
seq 1 2 9
expr 1 + 2
sleep 0
date
date +%Y-%m-%d
date -u +%s
date -d "2020-01-01" +%F
date --date="yesterday" '+%F %T'
uname -a
id
id -u
whoami
groups
nproc
uptime
hostname
hostname -s
ps
ps aux
env
printenv PATH
which ls
type ls
command -v ls
command -V cd
true
false
:
test -f a.py
test "$x" = y
test ! -d src
[ -f a.py ] && echo yes
[ -n "$x" ] || echo empty
[ a.py -nt src/b.py ]
[ "$x" = "y" ] || [ 1 -lt 2 ]
[[ -f a.py ]]
[[ -f a.py && ! -d nothing ]]
[[ $x == a* || -z "$y" ]]
[[ 3 -gt 2 ]]
[[ $# -eq 0 ]]
! grep -q nothing a.py
grep import a.py
grep -n "def main" a.py src/b.py
grep -rn main src
grep -rn --include='*.py' main .
grep -rl main
grep -c x a.py; grep -v x a.py
grep -e one -e two a.py
grep -E '^(a|b)' a.py
grep -q main a.py && echo found || echo none
grep -i MAIN *.py
egrep 'a|b' a.py
fgrep main a.py
find .
find . -name '*.py'
find src -type f -name "*.py" -print
find . -maxdepth 1 -type d
find . -name '*.py' -o -name '*.csv'
find . \( -name a.py -o -name b.py \) -print0
find . -not -path './.git/*' -type f
find . -newer a.py -size +1k
find . -type f -printf '%p %s\n'
find src/*.py -mtime -1
find . -name '*.py' | head
find . -name '*.py' | sort | xargs wc -l
find . -name '*.py' -print0 | xargs -0 grep -l main
ls | xargs -n1 basename
ls | xargs -I{} echo "file {}"
xargs echo < a.py
sed -n 1,3p a.py
sed -n '1,3p' a.py
sed -n '/def/,/return/p' a.py
sed 's/a/b/g' a.py
sed 's|/usr|/opt|' a.py
sed -e 's/a/b/' -e '2d' a.py
sed -E 's/(a+)/[\1]/' a.py
sed -n '$=' a.py
sed '/^#/d;/^$/d' a.py
sed ':a;N;$!ba;s/\n/ /g' a.py
sed 5q a.py
sed 's/[[:space:]]*$//' a.py
sed 'y/abc/xyz/' a.py
cat a.py | sed 's/^/  /'
awk '{print $1}' a.py
awk -F, '{print $2}' data.csv
awk -F: -v n=3 'NR<=n' a.py
awk 'NR>1' data.csv
awk 'END{print NR}' a.py
awk '$1 > 5 && NF {print $2}' data.csv
awk '/main/{print NR": "$0}' a.py
awk 'BEGIN{s=0} {s+=$1} END{printf "%d\n", s}' data.csv
file_count=$(ls | wc -l); echo "$file_count"
x=1; echo "$x"
x="$(pwd)" && echo "$x"
LC_ALL=C sort a.py
TZ=UTC date
LANG=C LC_ALL=C ls
for f in a b c; do echo "$f"; done
for f in *.py; do echo "$f"; done
for i in 1 2; do for j in a b; do echo "$i$j"; done; done
for i in $(seq 3)¶do¶  echo $i¶done
while false; do ls; done
until true; do ls; done
if [ -f a.py ]; then cat a.py; else echo none; fi
if grep -q x a.py; then echo a; elif true; then echo b; else echo c; fi
case "$x" in a|b) ls;; *) pwd;; esac
case a.py in (*.py) cat a.py ;; esac
timeout 5 ls
timeout -s KILL 5 cat a.py
time ls
time -p cat a.py
nice ls
nice -n 5 ls
nice -5 ls
env LC_ALL=C ls
env ls
nohup ls
stdbuf -oL cat a.py
command ls
builtin echo x
timeout 5 nice env LANG=C ls
bash -c 'ls -l'
sh -c 'cat a.py | wc -l'
sh -ec 'ls && pwd'
bash -c "bash -c 'ls'"
bash --version
python3 --version
set -e; ls
set -euo pipefail
set -o pipefail; cat a.py | wc -l
cat <<EOF¶hello $x $(pwd)¶EOF
cat <<'EOF'¶$(rm -rf a.py) `rm a.py`¶EOF
cat <<-"END" | wc -l¶	one¶	END
cat <<< "$x"
wc -w <<< 'a b c'
ls \¶  -l \¶  src
ls\¶ -l\¶ src
ls &&¶  pwd
ls |¶  wc -l
ls; # done¶pwd
  ls   -l	src
git status
git status --short
git status -sb
git --no-pager log
git log --oneline -5
git log -n 3 --format='%h %s'
git log --since="2 days ago" --author=x -- a.py
git log -p -1 a.py
git log --graph --all --decorate --stat
git diff
git diff --stat
git diff HEAD -- a.py
git diff --cached --name-only
git diff HEAD~0 HEAD
git show
git show HEAD:a.py
git show --stat HEAD
git show "HEAD:$x"
git branch
git branch -a
git branch -vv
git branch --show-current
git branch --list 'm*'
git branch --contains HEAD
git tag
git tag -l 'v*'
git tag -n3
git remote
git remote -v
git remote get-url origin
git stash list
git stash list --oneline
git reflog
git reflog show --all
git rev-parse HEAD
git rev-parse --abbrev-ref HEAD
git rev-parse --show-toplevel
git ls-files
git ls-files -m -o --exclude-standard
git ls-tree -r HEAD --name-only
git cat-file -p HEAD
git cat-file -t HEAD
git blame a.py
git blame -L 1,2 a.py
git grep main
git grep -n -i 'def main' -- '*.py'
git describe --always --tags
git shortlog -sn HEAD
git merge-base HEAD HEAD
git name-rev HEAD
git rev-list --count HEAD
git for-each-ref --format='%(refname)' refs/heads
git show-ref
git count-objects -v
git config user.name
git config --get user.name
git config --list
git config -l --show-origin
git worktree list
git var GIT_AUTHOR_IDENT
git check-ignore -v a.py
git version
git --version
git -C src log --oneline
cd src && git log -1
git log | head -3
git ls-files | xargs wc -l
git diff-tree --no-commit-id --name-only -r HEAD
/bin/ls
/usr/bin/env cat a.py
"""

# The same claim for programs that are not everywhere, or whose output is no business of a test.
CLAIMED = r"""
rg main
rg -n --hidden -g '*.py' 'def main' src
rg --files
rg -l foo -t py | sort
rg -e a -e b -A 3 src
rg --json foo .
fd -e py
fdfind --type f main src
jq . data.json
jq -r '.a[] | .b' data.json
jq -n --arg a "$x" '{a: $a}'
jq -c '.' < data.json
tree
tree -L 2 -a
tree -I node_modules src
file a.py
file -b --mime-type a.py
xxd a.py
xxd -l 16 a.py
xxd -p -c 32 a.py
hexdump -C a.py
free -h
lscpu
shuf -n 2 a.py
node --version
ruby --version
perl --version
gcc --version
cat ~/notes.txt
head -n "$n" a.py
ls -- "a b"
cat /proc/cpuinfo
head -c 16 /dev/urandom
tail -n 20 /var/log/syslog
gawk '{print}' a.py
arch
tty
"""


def cases(table: str) -> list[str]:
    """The commands of a table: one a line, with ¶ for a line's end inside a command."""
    return [line.replace("¶", "\n") for line in table.strip("\n").split("\n")]


@dataclass(frozen=True)
class Sandbox:
    """A small project with a repository, and the environment commands get there."""

    folder: Path
    env: Mapping[str, str]

    def run(self, argv: list[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            argv, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )

    def state(self) -> dict[str, tuple[int, ...]]:
        """Every file and folder with what changes when it is touched in any way but reading."""
        found: dict[str, tuple[int, ...]] = {}
        for root, folders, files in os.walk(self.folder.parent):
            for name in [*folders, *files]:
                at = os.lstat(os.path.join(root, name))
                found[os.path.join(root, name)] = (at.st_ino, at.st_mode, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
        return found


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    base = tmp_path_factory.mktemp("sandbox")
    home, folder = base / "home", base / "work"
    (folder / "src").mkdir(parents=True)
    home.mkdir()
    for name, text in {
        "a.py": "import os\n\ndef main():\n    return 1\n",
        "src/b.py": "import sys\n# main\n",
        "name with space.txt": "words\n",
        "data.csv": "a,1\nb,2\n",
        "sums": "0000  a.py\n",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))  # older than the index, which then needs no refresh
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(base),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    made = Sandbox(folder, env)
    for words in (["init", "-q"], ["config", "user.name", "x"], ["config", "user.email", "x@y.z"], ["add", "-A"]):
        assert made.run(["git", *words]).returncode == 0
    assert made.run(["git", "commit", "-qm", "first"]).returncode == 0
    assert made.run(["git", "remote", "add", "origin", "https://example.com/x"]).returncode == 0
    return made


@pytest.mark.parametrize("command", cases(RUN) + cases(CLAIMED))
def test_a_command_of_the_table_is_read_only(command: str) -> None:
    effects = classify(command, "/w")
    assert effects.read_only
    assert effects.known
    assert not effects.writes
    assert not effects.hosts


@pytest.mark.parametrize("command", cases(RUN))
def test_running_a_command_of_the_table_changes_nothing(command: str, sandbox: Sandbox) -> None:
    before = sandbox.state()
    done = sandbox.run(["bash", "-c", command])
    assert done.returncode not in (126, 127), done.stderr.decode()
    assert sandbox.state() == before


def test_the_proof_sees_what_a_writer_does(sandbox: Sandbox) -> None:
    before = sandbox.state()
    sandbox.run(["bash", "-c", "touch -c a.py"])
    assert sandbox.state() != before
