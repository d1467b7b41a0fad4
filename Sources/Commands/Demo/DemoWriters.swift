#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A shell under `baton run` that appends a numbered line to one of its notes a few times a second, and to a record
/// outside of the mesh once the line is in the workspace.
struct DemoWriter: Sendable {
    let wrapper: DemoChild
    /// Where the shell says its process id.
    let pidFile: String

    var shell: Int32? { Int32(String(fileAt: pidFile).prefix { $0.isNumber }) }

    static let script = """
        echo $$ > "$4"; mkdir -p "$1"; n=0
        while :; do
            n=$((n + 1)); line="$3 wrote line $n"
            echo "$line" >> "$1/note-$((n % 4)).md" && echo "$line" >> "$2" || exit 1
            sleep 0.15
        done
        """
}

extension Demo {
    func startWriters() async throws {
        for device in place.devices {
            let generation = (generations[device.name] ?? 0) + 1
            generations[device.name] = generation
            let words = "\(place.root)/out/writer-\(device.name)-\(generation)"
            let child = try DemoChild.start(
                [program, "run", "--name", device.writer, "--", "/bin/sh", "-c", DemoWriter.script, device.writer]
                    + ["\(device.workspace)/\(device.notes)", device.record]
                    + ["\(device.writer)-\(generation)", words + ".pid"],
                environment: ["BATON_HOME": device.home], words: words)
            writers[device.name] = DemoWriter(wrapper: child, pidFile: words + ".pid")
        }
        for device in place.devices {
            try await eventually("\(device.writer) is known to the agent of \(device.name)") {
                try await status(of: device).devices.contains { $0.writers.names.contains(device.writer) }
            }
        }
        try await everyoneWrites(5)
    }

    /// Until each writer wrote so many more lines.
    func everyoneWrites(_ count: Int) async throws {
        let before = place.devices.map { written(by: $0).count }
        try await eventually("every writer writes") {
            zip(place.devices, before).allSatisfy { written(by: $0).count >= $1 + count }
        }
    }

    /// TERM, which `baton run` passes on: each must still have been there, and die of it.
    func stopWriters() async throws {
        for device in place.devices {
            guard let writer = writers[device.name] else { continue }
            kill(writer.wrapper.pid, SIGTERM)
            writers[device.name] = nil
            let ended = try await writer.wrapper.end(within: .seconds(10))
            guard ended.status == 128 + SIGTERM else {
                throw DemoFailure("the writer \(device.writer) ended with \(ended.status): \(ended.complaint)")
            }
        }
    }

    nonisolated func written(by device: DemoDevice) -> [Substring] {
        String(fileAt: device.record).split(separator: "\n")
    }

    /// What the records say now, by device.
    nonisolated func written() -> [(DemoDevice, [Substring])] { place.devices.map { ($0, written(by: $0)) } }

    /// The first written line that is not exactly once in this device's tree; nil if all are.
    nonisolated func lost(_ written: [(DemoDevice, [Substring])], in device: DemoDevice) -> String? {
        for (writer, lines) in written {
            var found: [Substring: Int] = [:]
            for number in 0..<4 {
                let note = String(fileAt: "\(device.workspace)/\(writer.notes)/note-\(number).md")
                for line in note.split(separator: "\n") { found[line, default: 0] += 1 }
            }
            if let line = lines.first(where: { found[$0] != 1 }) {
                return "'\(line)' of \(writer.name) is \(found[line] ?? 0) times in the tree of \(device.name)"
            }
        }
        return nil
    }

    /// Waits until every one of these lines is in each of these trees; returns how many lines there are.
    func nothingIsLost(_ written: [(DemoDevice, [Substring])], in devices: [DemoDevice]) async throws -> Int {
        for device in devices {
            var missing: String?
            let _: Bool? = try? await eventually("the lines arrive", within: .seconds(5)) {
                missing = lost(written, in: device)
                return missing == nil ? true : nil
            }
            if let missing { throw DemoFailure("lost: " + missing) }
        }
        return written.reduce(0) { $0 + $1.1.count }
    }
}
