"""A network that can be split: a namespace for each server, and one with two bridges that their cables are plugged into. The
servers' clients use Unix sockets, which know nothing of it. Needs the rights to make namespaces (root)."""
import os
import subprocess


def ip(*words):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise OSError("ip %s: %s" % (" ".join(words), done.stdout.strip()))


class Network:
    def __init__(self, count):
        self.count = count
        self.prefix = "martlet-%d" % os.getpid()
        self.switch = self.prefix + "-switch"
        self.made = []
        try:
            self.build()
        except BaseException:
            self.remove()
            raise

    def build(self):
        self.add(self.switch)
        for bridge in ("left", "right"):
            ip("-n", self.switch, "link", "add", bridge, "type", "bridge")
            ip("-n", self.switch, "link", "set", bridge, "up")
        for i in range(self.count):
            space = self.space(i)
            self.add(space)
            ip("-n", self.switch, "link", "add", "port%d" % i, "type", "veth", "peer", "name", "cable", "netns", space)
            ip("-n", self.switch, "link", "set", "port%d" % i, "master", "left", "up")
            ip("-n", space, "addr", "add", self.host(i) + "/24", "dev", "cable")
            for link in ("cable", "lo"):
                ip("-n", space, "link", "set", link, "up")

    def add(self, space):
        ip("netns", "add", space)
        self.made.append(space)

    def space(self, i):
        return "%s-%d" % (self.prefix, i)

    def host(self, i):
        return "10.77.0.%d" % (i + 1)

    def within(self, i):
        """The words before those of a program that is to run at a server's place."""
        return ["ip", "netns", "exec", self.space(i)]

    def split(self, right):
        """These on one side, all others on the other."""
        for i in range(self.count):
            ip("-n", self.switch, "link", "set", "port%d" % i, "master", "right" if i in right else "left")

    def heal(self):
        self.split(())

    def remove(self):
        for space in reversed(self.made):
            subprocess.run(["ip", "netns", "del", space], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.made = []
