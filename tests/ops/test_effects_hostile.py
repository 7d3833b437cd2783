"""Commands that look harmless and are not: none of them may ever be called read-only."""

import pytest

from fourfold_tools.ops.effects import classify

# One a line; ¶ is a line's end.
WRITES = r"""
rm a.py
rm -rf src
ls; rm a.py
ls;rm a.py
ls & rm a.py
ls&rm a.py
ls && rm a.py
ls || rm a.py
ls | rm a.py
ls |& tee out
ls¶rm a.py
ls ¶ rm a.py
ls #¶rm a.py
ls \¶; rm a.py
r\¶m a.py
r\m a.py
'r'm a.py
"r"m a.py
$'rm' a.py
$'\x72\x6d' a.py
$'\162m' a.py
\rm a.py
command rm a.py
builtin eval 'rm a.py'
exec rm a.py
exec ls
env rm a.py
/usr/bin/env rm a.py
/bin/rm a.py
nice rm a.py
nohup rm a.py
timeout 5 rm a.py
time rm a.py
time -p rm a.py
time -o out ls
/usr/bin/time -o out ls
stdbuf -o0 rm a.py
echo x > out
echo x >out
echo x >> out
echo x >| out
echo x &> out
echo x &>> out
echo x >& out
echo x 1> out
ls 2> err
ls 2>err
cat <> out
: > out
> out
>out
{ ls; } > out
(ls) > out
for i in 1; do ls; done > out
if true; then ls; fi > out
while false; do ls; done >> out
[[ -f a ]] > out
{fd}>out ls
ls {fd}>out
ls 10>out
ls >&5
ls 1>&7
ls <&4
ls 3>&1 1>&2 2>&3
cat a.py > "$x"
cat a.py > $(echo out)
cat a.py > *.txt
cat a.py > ~/out
cat a.py > /dev/tcp/127.0.0.1/80
cat < /dev/tcp/127.0.0.1/80
cat < /dev/udp/127.0.0.1/53
cat <//dev/tcp/127.0.0.1/80
echo "$(rm a.py)"
echo $(rm a.py)
echo `rm a.py`
echo "`rm a.py`"
echo "x $(echo "$(rm a.py)")"
ls "$(rm a.py)"
cat <(rm a.py)
ls > >(tee out)
tee >(cat > out) < a.py
echo ${x:-$(rm a.py)}
echo "${x:-$(rm a.py)}"
echo "${x:-`rm a.py`}"
echo ${x:=y}
echo ${x@P}
echo ${!x}
echo "${x[$(rm a.py)]}"
echo ${x:a[$(rm a.py)]}
echo $((a[$(rm a.py)]))
echo $((x))
echo $((x + 1))
echo $[a[$(rm a.py)]]
echo "$((PATH))"
((a[$(rm a.py)]))
((x++))
let 'a[$(rm a.py)]=1'
test -v 'a[$(rm a.py)]'
test -v a[$(rm a.py)]
[ -v 'a[$(rm a.py)]' ]
[[ -v a[$(rm a.py)] ]]
[[ -v 'a[$(rm a.py)]' ]]
[[ 'a[$(rm a.py)]' -eq 0 ]]
[[ x -eq y ]]
[[ $x -eq 0 ]]
[ $x ]
[ "$x" "$y" ]
[ "$a" "$b" "$c" ]
test $x
test "$x" "$y"
printf -v 'a[$(rm a.py)]' x
printf -v PATH /tmp
printf '%n' PATH
printf '12345%n' PATH; ls
printf "$x"
printf $x
read 'a[$(rm a.py)]'
read x
read -r PATH < a.py
mapfile -C 'rm' x < a.py
declare x=1
declare -x PATH=/tmp
export PATH=/tmp
export PS4='$(rm a.py)'
export x
readonly x=1
local x=1
typeset -f
unset PATH
PATH=/tmp ls
PATH=/tmp; ls
LD_PRELOAD=./x.so ls
LD_LIBRARY_PATH=. ls
GIT_EXTERNAL_DIFF=./x git diff
GIT_PAGER=./x git log
PAGER=./x git log
GIT_DIR=x git status
BASH_ENV=./x bash -c ls
IFS=x; ls
IFS=a; cmd=raf; $cmd
PS4='$(rm a.py)'; set -x; ls
PROMPT_COMMAND='rm a.py'
env PATH=/tmp ls
env LD_PRELOAD=./x.so ls
env -S 'rm a.py'
env -S "rm a.py"
env --split-string='rm a.py'
env - rm a.py
env -C src rm b.py
env -u PATH rm a.py
env "$x" ls
env x=1 rm a.py
for PATH in /tmp; do ls; done
for IFS in x; do ls; done
alias ls='rm a.py'; ls
ls() { rm a.py; }; ls
ls () { rm a.py; }¶ls
function ls { rm a.py; }; ls
f() { ls; }; f
eval 'rm a.py'
eval ls
source ./x
. ./x
trap 'rm a.py' EXIT
trap 'rm a.py' EXIT; ls
hash -p ./x ls; ls
enable -f ./x.so x
enable -n echo; echo x
set -x
set -o posix
set -- a b; ls
shopt -s extglob
shopt -s expand_aliases
ulimit -f 0
umask 0; ls
coproc ls
coproc { rm a.py; }
select x in a b; do rm a.py; done
ls &
(ls) &
sleep 100 & disown
! rm a.py
if rm a.py; then ls; fi
if true; then rm a.py; fi
if false; then ls; else rm a.py; fi
while rm a.py; do ls; done
for f in *; do rm "$f"; done
case x in x) rm a.py;; esac
case $(rm a.py) in x) ls;; esac
until rm a.py; do :; done
{ rm a.py; }
(rm a.py)
((1)); rm a.py
{ ls; }; rm a.py
[ -f a.py ] && rm a.py
[[ -f a.py ]] && rm a.py
cat <<EOF¶$(rm a.py)¶EOF
cat <<EOF¶`rm a.py`¶EOF
cat <<"EOF"¶x¶EOF¶rm a.py
cat <<-EOF¶	$(rm a.py)¶	EOF
cat <<EOF¶${x:-$(rm a.py)}¶EOF
cat <<EOF¶x\¶EOF¶rm a.py¶EOF
cat <<EOF; rm a.py¶x¶EOF
cat <<EOF | sh¶rm a.py¶EOF
cat <<'EOF' | bash¶rm a.py¶EOF
cat <<$x¶y¶$x
cat <<EOF > out¶x¶EOF
cat <<< "$(rm a.py)"
bash <<< 'rm a.py'
bash <<EOF¶rm a.py¶EOF
bash
sh
bash -c 'rm a.py'
bash -c "rm a.py"
bash -c "$x"
bash -lc ls
bash -ic ls
bash -xc ls
bash --rcfile ./x -c ls
bash script.sh
sh -s < a.py
echo 'rm a.py' | sh
echo 'rm a.py' | bash -s
zsh -c ls
./ls
./env ls
./bash -c ls
src/cat a.py
.venv/bin/python --version
node_modules/.bin/ls
~/bin/ls
$cmd
"$cmd" a
$(echo rm) a.py
`echo rm` a.py
{rm,a.py}
{ls,}
r{m,} a.py
l? a
/bin/r? a.py
find . -delete
find . -exec rm {} \;
find . -exec rm {} +
find . -execdir rm {} \;
find . -ok rm {} \;
find . -okdir rm {} \;
find . -fprint out
find . -fprintf out x
find . -fls out
find . -fprint0 out
find . -name '*.py' -delete
find -files0-from a.py
find . -name *.py
find *
find $x
find "$x"
find . "$x"
find . -newer "$x" "$y"
find . -type f | xargs rm
xargs rm < a.py
xargs -I{} rm {} < a.py
xargs -I{} sh -c 'rm {}' < a.py
xargs < a.py -I% sh -c %
xargs sh -c 'rm "$0"'
xargs env
xargs sed -n 1p
xargs sort
xargs git log
xargs -a a.py rm
xargs ./ls
xargs --arg-file=a.py ls
xargs "$x"
sort -o out a.py
sort -oout a.py
sort a.py -o out
sort --output=out a.py
sort --outp=out a.py
sort --compress-program=./x a.py
sort --compress-prog ./x a.py
sort -T . a.py
sort *
sort "$x"
sort -uo out a.py
uniq a.py out
uniq a.py -c
uniq *.py
uniq src/*
uniq "$x" out
xxd -r a.py out
xxd -r -p a.py out
xxd a.py out
xxd -ps a.py out
xxd -p a.py -r
xxd *
date -s 12:00
date --set=12:00
date --se 12:00
date 010100002030
date -us 12:00
date "$x"
date -d"$x" 0101
hostname new
hostname -F a.py
hostname -b x
less a.py
more a.py
man ls
vi a.py
ed a.py
top
watch ls
yes
tail -f a.py
tail -F a.py
tail --follow=name a.py
tail -5f a.py
tail *
tree -o out
tree -Lo 2 out
tree --output-file out
file -C -m a.py
file -z a.py
base64 -o out a.py
base64 -i a.py -o out
diff -l a.py b.py
diff --paginate a.py b.py
rg --pre ./x foo
rg --pre=./x foo
rg --hostname-bin ./x foo
rg -z foo
rg --search-zip foo
rg "$x"
rg *
fd -x rm
fd -X rm
fd --exec rm
fd -l
jq -L . 'import "a" as a; .' a.py
jq 'include "x"; .' a.py
jq -f prog.jq a.py
jq -i . a.py
sed -i s/a/b/ a.py
sed -i.bak s/a/b/ a.py
sed -ni p a.py
sed --in-place s/a/b/ a.py
sed --in-pl s/a/b/ a.py
sed -I .bak s/a/b/ a.py
sed 'w out' a.py
sed -n 'w out' a.py
sed '1w out' a.py
sed 's/a/b/w out' a.py
sed 's/a/b/gw out' a.py
sed 's/a/rm a.py/e' a.py
sed 's/a/rm a.py/ge' a.py
sed 'e rm a.py' a.py
sed '1e rm a.py' a.py
sed '1!e rm a.py' a.py
sed 'r other' a.py
sed 'R other' a.py
sed 'W out' a.py
sed -n '/x/{w out¶}' a.py
sed -e p -e 'w out' a.py
sed -ep -e'w out' a.py
sed p -f prog a.py
sed -f prog a.py
sed --file=prog a.py
sed 's/a/b/;w out' a.py
sed 'p;w out' a.py
sed '/[/]/w out' a.py
sed 's/[/]/x/w out' a.py
sed 's/[/]/;w out;#/]/' a.py
sed "$x" a.py
sed -n "$x" a.py
sed -e "$x" a.py
sed "s/a/$x/" a.py
sed -n p *
sed 'a\¶w out' a.py
sed 's,a,b,;e rm a.py' a.py
sed -s -i p a.py
sed -E -i p a.py
awk 'BEGIN{system("rm a.py")}'
awk 'BEGIN { system ("rm a.py") }'
awk '{print > "out"}' a.py
awk '{print >> "out"}' a.py
awk '{print $1 > $2}' a.py
awk 'NR>1{print > "out"}' a.py
awk '{printf "x" > "out"}' a.py
awk '{print | "sh"}' a.py
awk 'BEGIN{"rm a.py" | getline}'
awk 'BEGIN{while(("rm a.py") | getline l) print l}'
awk 'BEGIN{getline < "x"}'
awk '@load "x"; {print}' a.py
awk '@include "x"' a.py
awk 'BEGIN{f="system"; @f("rm a.py")}'
awk 'BEGIN{ARGV[1]="x"}1' a.py
awk -f prog a.py
awk -fprog a.py
awk -i inplace '{print}' a.py
awk -o out '{print}' a.py
awk -p '{print}' a.py
awk -d '{print}' a.py
awk --dump-variables '{print}' a.py
awk --load x '{print}' a.py
awk -v "$x" '{print}' $y
awk "$x" a.py
awk "{print \$$x}" a.py
awk -F: -f prog a.py
awk -E prog
awk '{print "a;b" > "out"}' a.py
awk '/"/ {print > "out"}' a.py
awk 'BEGIN{sys¶tem("x")} {print > "o"}' a.py
gawk 'BEGIN{print "x" |& "sh"}'
gawk --profile=out '{print}' a.py
perl -e 'unlink "a.py"'
perl -ne print a.py
python -c 'import os; os.remove("a.py")'
python3 a.py
python
node -e 'x'
ruby -e 'x'
php -r 'x'
python3 -m http.server
python3 -m json.tool a.py out
tee out
tee -a out < a.py
tee out < a.py > /dev/null
dd if=a.py of=out
dd of=out
cp a.py b.py
cp -r src dst
mv a.py b.py
mkdir x
rmdir x
touch a.py
ln -s a.py b
install a.py b
chmod +x a.py
chmod -x a.py
chown root a.py
truncate -s 0 a.py
split a.py
csplit a.py 1
mktemp
mkfifo x
shred a.py
tar cf out.tar src
tar xf a.tar
tar tf a.tar --checkpoint=1 --checkpoint-action=exec=sh
tar -tf a.tar --to-command=rm
tar tf a.tar -I ./x
tar tf host:a.tar
tar tf a.tar --use-compress-program=./x
gzip a.py
gunzip a.py.gz
zip out.zip a.py
unzip a.zip
patch -p1 < a.py
rsync a.py b.py
curl https://example.com
curl -o out https://example.com
wget https://example.com
ssh host ls
nc -l 80
ping -c1 host
git add a.py
git commit -m x
git checkout a.py
git switch x
git restore a.py
git stash
git stash push
git stash pop
git stash drop
git reset --hard
git merge x
git rebase x
git rebase -x 'rm a.py' HEAD
git pull
git push
git fetch
git clone https://example.com/x
git init
git clean -fd
git mv a.py b.py
git rm a.py
git gc
git branch x
git branch -D x
git branch -d x
git branch -m x
git branch -l x
git branch -f x HEAD
git branch --edit-description
git branch --sort=x new
git branch -u origin/x
git branch --set-upstream-to=x
git branch --unset-upstream
git branch "$x"
git branch --list "$x"
git tag v1
git tag -d v1
git tag -a v1 -m x
git tag -v v1
git tag --sort=x v1
git remote add x y
git remote remove x
git remote set-url x y
git remote show origin
git remote update
git remote prune origin
git remote -v update
git config x.y z
git config --unset x.y
git config --add x.y z
git config --global x.y z
git config -e
git config --edit
git config set x.y z
git config --get x.y --unset
git config "$x"
git diff --output=out
git diff --output out
git diff --outp=out
git diff --ext-diff
git diff --ext
git diff --textconv
git diff -Oorder --output=x
git diff --no-index a b --output=x
git log --output=out
git log -p --ext-diff
git log --show-signature
git log --format=%G?
git log --pretty='%GK'
git log --remerge-diff
git log "$x"
git log $x
git log *
git show --ext-diff
git show --textconv HEAD
git show --output=out HEAD
git show $x
git grep -O main
git grep -Oless main
git grep --open-files-in-pager=./x main
git grep --open main
git grep -nO main
git -c core.pager=./x log
git -c core.fsmonitor=./x status
git -c diff.external=./x diff
git -c alias.st='!rm a.py' st
git --exec-path=. status
git --exec-path . log
git -C src --exec-path=. log
git -p log
git --paginate log
git --git-dir=x log
git --work-tree=x status
git --config-env=core.pager=X log
git -C "$x" commit -m y
git --bare log
git st
git "$x"
git reflog expire --all
git reflog delete HEAD@{0}
git worktree add ../x
git worktree prune
git submodule update
git submodule foreach 'rm a.py'
git bisect run ./x
git notes add -m x
git cat-file --textconv HEAD:a.py
git cat-file --filters HEAD:a.py
git blame --contents=x --output=y a.py
git archive -o out HEAD
git bundle create out HEAD
git format-patch HEAD~1
git apply x
git am x
git cherry-pick x
git revert x
git update-index --refresh
git update-ref x y
git symbolic-ref HEAD x
git hash-object -w a.py
git fsck --lost-found
git difftool
git mergetool
git help log
git log --help
git ls-remote --upload-pack=./x .
git fetch --upload-pack=./x
git for-each-ref --format='%(signature)'
npm run deploy
npm test
npm ci
npx cowsay
yarn
pnpm install
pip install x
pip list
cargo build
cargo run
cargo --version
go build
go run .
go generate
go version
make
make -n
pytest
python -m pytest
ruff check
ruff check --fix
ruff format
mypy .
pyright
tsc --noEmit
eslint .
black --check .
isort --check .
docker ps
docker run x
kubectl get pods
gh pr list
sudo ls
su -c ls
doas ls
chroot . ls
unshare ls
setsid ls
ionice ls
flock x ls
script -c ls
strace ls
parallel ls
busybox rm a.py
arch -x86_64 rm a.py
ssh-add -l
crontab -l
at now
kill 1
pkill x
wait
jobs
bg
history -c
fc -s rm
exec 3> out
exec > out
exec 3<>/dev/tcp/127.0.0.1/80
cd "$x" && ls > out
cd "$x"; ls
cd -; ls
cd; rm a.py
cd $(echo src)
pushd src
popd
ls "$x"/*
cat "$x"
cat $x
cat ${x}
cat "$@"
cat $1
cat ~root/x
cat ~+/x
cat {a,b}.py
cat a/../../x
head $x
grep -r "$x" src
grep $x a.py
wc -l "$@"
[ -f "$x" ]
cat /dev/sda
cat /dev/ttyS0
dd if=/dev/zero of=/dev/sda
echo x > /dev/sda
echo x | tee /dev/sda
strace -o out ls
nice -n 5 -- rm a.py
nice rm a.py & ls
timeout $x ls
timeout "$x" ls
timeout --foo 5 ls
nohup --foo ls
stdbuf --foo ls
xargs --foo ls
exec -a x ls
command -p rm a.py
command -pv ls; rm a.py
env -i rm a.py
time { rm a.py; }
time (rm a.py)
time if true; then rm a.py; fi
time ! rm a.py
if ls; then ls; fi; rm a.py
echo a; # x¶rm a.py
echo "a" 'b; rm a.py
echo "unclosed
echo $(ls
echo `ls
ls |
ls &&
ls ;;
ls )
( ls
{ ls
if ls
for x in a
case x in
ls "$(
cat <<EOF
cat <<EOF¶x
a=(1 2); ls
a=($(rm a.py))
a[0]=1
a[$(rm a.py)]=1
x+=1 ls
ls !(a)
ls @(a|b)
ls +(x)
ls <(rm a.py)x
$'\u0072m' a.py
ls "$'rm a.py'"; $'r''m' a.py
"$(echo rm)" a.py
'' rm
"" a
"""

ODD = {
    "NUL": "ls\0; rm a.py",
    "carriage return": "ls\r\nrm a.py\r\n",
    "carriage return inside": "ls a\rrm b",
    "vertical tab": "ls\x0brm a.py",
    "form feed": "ls\x0c; rm a.py",
    "escape": "ls \x1b[2J; rm a.py",
    "delete": "ls \x7f",
    "no-break space": "ls\u00a0-la",
    "no-break space before a word": "ls \u00a0rm",
    "em space": "rm\u2003a.py",
    "ideographic space": "rm\u3000a.py",
    "next line": "ls\u0085rm a.py",
    "line separator": "ls\u2028rm a.py\nrm b",
    "zero width space": "r\u200bm a.py",
    "right to left": "ls \u202e; rm a.py",
    "full-width semicolon": "ls； rm a.py > out",
    "lone surrogate": "ls \ud800",
    "too long": "ls " + "a" * 10_000,
    "deep substitution": "echo " + "$(" * 30 + "ls" + ")" * 30,
    "deep subshells": "(" * 300 + "ls" + ")" * 300,
    "deep groups": "{ " * 300 + "ls; " + "}; " * 300,
    "many turns": " && ls || ".join(["ls"] * 200),
}


def cases(table: str) -> list[str]:
    return [line.replace("¶", "\n") for line in table.strip("\n").split("\n")]


@pytest.mark.parametrize("command", cases(WRITES))
def test_a_command_that_may_do_more_than_read_is_never_called_read_only(command: str) -> None:
    assert not classify(command, "/w").read_only


@pytest.mark.parametrize("name", ODD)
def test_odd_characters_and_sizes_are_never_called_read_only(name: str) -> None:
    assert not classify(ODD[name], "/w").read_only
