#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One of the three: a directory with a home and a workspace, and the record of its writer outside of both.
struct DemoDevice: Hashable, Sendable {
    let name: String
    /// What status calls its writer.
    let writer: String
    let directory: String

    var home: String { directory + "/home" }
    var workspace: String { directory + "/work" }
    /// Every line that the writer wrote, in its order, appended after it was in the workspace.
    var record: String { directory + "/written" }
    /// The files of this device's writer, in any device's workspace.
    var notes: String { "baton-demo/" + name }
}

/// The directory that everything of one demonstration is in.
struct DemoPlace: Sendable {
    let root: String
    let devices: [DemoDevice]

    static func make() throws -> DemoPlace {
        let base = ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        var template = Array((base + "/baton-demo-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil, let real = realpath(&template, nil) else {
            throw DemoFailure("no directory can be made in \(base): \(String(cString: strerror(errno)))")
        }
        defer { free(real) }
        let root = String(cString: real)
        let names = [("laptop", "coder"), ("desktop", "notes"), ("nas", "cron")]
        let devices = names.map { DemoDevice(name: $0.0, writer: $0.1, directory: "\(root)/\($0.0)") }
        for directory in devices.map(\.directory) + [root + "/out"] { mkdir(directory, 0o700) }
        return DemoPlace(root: root, devices: devices)
    }

    var laptop: DemoDevice { devices[0] }

    func others(than device: DemoDevice) -> [DemoDevice] { devices.filter { $0 != device } }

    func remove() {
        // What cannot be removed is seen by whoever checks that it is gone.
        try? FileManager.default.removeItem(atPath: root)
    }

    var isRemoved: Bool { access(root, F_OK) != 0 }

    /// Files that say that somebody is at work: left behind, they would stop git or an agent.
    var lockFiles: [String] {
        let paths = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
        return paths.filter { $0.hasSuffix(".lock") && $0.contains("/.git/") || $0.hasSuffix("/agent.sock") }
    }
}

extension String {
    /// The whole file; empty if there is none.
    init(fileAt path: String) {
        let data = FileManager.default.contents(atPath: path)
        self = data.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
