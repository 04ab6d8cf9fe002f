"""Writes an image archive of busybox as `docker save` does: for podman load, docker load and ctr image import, since
no registry can be reached. Usage: image.py FILE [NAME]; NAME is docker.io/library/busybox:latest."""
import hashlib
import io
import json
import subprocess
import sys
import tarfile

busybox = "/bin/busybox"
path = sys.argv[1]
name = sys.argv[2] if len(sys.argv) > 2 else "docker.io/library/busybox:latest"


def add(archive, member, data=b"", kind=tarfile.REGTYPE, mode=0o644, link=""):
    info = tarfile.TarInfo(member)
    info.type, info.mode, info.size, info.linkname = kind, mode, len(data), link
    archive.addfile(info, io.BytesIO(data))


layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as archive:
    for directory in "bin dev etc home proc root run sys usr usr/bin usr/sbin sbin var tmp".split():
        add(archive, directory, kind=tarfile.DIRTYPE, mode=0o1777 if directory == "tmp" else 0o755)
    with open(busybox, "rb") as file:
        add(archive, "bin/busybox", file.read(), mode=0o755)
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            add(archive, "bin/" + applet, kind=tarfile.SYMTYPE, mode=0o777, link="busybox")
    add(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n")
    add(archive, "etc/group", b"root:x:0:\nuser:x:1000:\n")
layer = layer.getvalue()
config = json.dumps({
    "architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
    "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "busybox-static"}],
}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
with tarfile.open(path, "w") as archive:
    add(archive, "layer.tar", layer)
    add(archive, config_name, config)
    add(archive, "manifest.json", manifest)
