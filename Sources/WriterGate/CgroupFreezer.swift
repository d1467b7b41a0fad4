import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A control group of its own for one wrapped command, frozen and thawed as a whole by the kernel (cgroup v2, Linux).
///
/// What the command starts is in it whatever session or group it makes for itself, and a frozen group has no process
/// that was missed. It exists only where our own control group may be divided: a delegated one, or root's.
struct CgroupFreezer: Hashable, Sendable {
    static let prefix = "baton-run-"
    /// The directory of the command's group; its parent is our own.
    let path: String

    private var parent: String { String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) }

    /// Nil where there is none or it may not be divided; signals do it then.
    init?() {
        guard let own = Self.directory(of: "self"), access(own + "/cgroup.procs", W_OK) == 0 else { return nil }
        path = "\(own)/\(Self.prefix)\(getpid())"
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
        guard access(path + "/cgroup.freeze", W_OK) == 0, Self.write("0", to: path + "/cgroup.freeze") else {
            rmdir(path)
            return nil
        }
    }

    /// This process enters, so that the command that it starts next is in the group from its first instruction.
    func enter() -> Bool { Self.write("0", to: path + "/cgroup.procs") }

    /// False: we are still in it, and it must not be frozen.
    func leave() -> Bool { Self.write("0", to: parent + "/cgroup.procs") }

    func freeze() -> Bool { Self.write("1", to: path + "/cgroup.freeze") }

    func thaw() { _ = Self.write("0", to: path + "/cgroup.freeze") }

    /// Whether the kernel has seen every thread in it stand still.
    var isFrozen: Bool { Self.isFrozen(path) }

    static func isFrozen(processOf pid: Int32) -> Bool { directory(of: "\(pid)").map(isFrozen) ?? false }

    private static func isFrozen(_ path: String) -> Bool {
        guard let bytes = ProcessTable.contents(path + "/cgroup.events") else { return false }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains("frozen 1")
    }

    /// The processes in it, as they are now, and in the groups that the command made below it: those stand still too.
    var processes: [ProcessTable.Entry] { Self.processes(path, depth: 0) }

    private static func processes(_ path: String, depth: Int) -> [ProcessTable.Entry] {
        let bytes = ProcessTable.wholeContents(path + "/cgroup.procs") ?? []
        let own = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
            .compactMap(ProcessTable.entry)
        guard depth < Limits.cgroupDepth else { return own }
        // Only groups are folders there.
        let below = ProcessTable.names(in: path).sorted().map { "\(path)/\($0)" }
            .filter { access($0 + "/cgroup.procs", F_OK) == 0 }
        return own + below.flatMap { processes($0, depth: depth + 1) }
    }

    /// Thaws, hands what still runs to our own group, and removes it; more than once, for what is just being made.
    func remove() {
        thaw()
        for attempt in 1...Limits.cgroupRemovals {
            if let bytes = ProcessTable.wholeContents(path + "/cgroup.procs") {
                for pid in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                    _ = Self.write(String(pid), to: parent + "/cgroup.procs")
                }
            }
            guard rmdir(path) != 0, errno == EBUSY, attempt < Limits.cgroupRemovals else { return }
            usleep(10_000)
        }
    }

    /// Thaws the group of a process, if one of ours holds it.
    static func thaw(processOf pid: Int32) {
        guard let directory = directory(of: "\(pid)"), directory.split(separator: "/").last?.hasPrefix(prefix) == true
        else { return }
        _ = write("0", to: directory + "/cgroup.freeze")
    }

    /// Where the cgroup v2 of a process is mounted: the line `0::PATH` of its `cgroup`, below the mount of that kind.
    private static func directory(of process: String) -> String? {
        guard let bytes = ProcessTable.contents("/proc/\(process)/cgroup") else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("0::/") }
        guard let line, let mount = mount() else { return nil }
        var place = String(line.dropFirst(3))
        if mount.root != "/" {
            guard place == mount.root || place.hasPrefix(mount.root + "/") else { return nil }
            place = String(place.dropFirst(mount.root.count))
        }
        return place == "/" || place.isEmpty ? mount.point : mount.point + place
    }

    /// `id parent major:minor root point options [tags] - kind source options`.
    private static func mount() -> (root: String, point: String)? {
        guard let bytes = ProcessTable.wholeContents("/proc/self/mountinfo") else { return nil }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 1, dash > 4,
                fields[dash + 1] == "cgroup2"
            else { continue }
            return (String(fields[3]), String(fields[4]))
        }
        return nil
    }

    private static func write(_ text: String, to path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        #if canImport(Glibc)
            return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
        #else
            return Darwin.write(descriptor, bytes, bytes.count) == bytes.count
        #endif
    }
}
