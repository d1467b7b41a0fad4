import AgentRuntime
import ControlSocket
import Primitives

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

/// The demonstration's mesh of three real agents, founded in silence over a workspace of so many files.
struct BenchMesh: Sendable {
    let demo: Demo

    var devices: [DemoDevice] { demo.place.devices }

    init(files: Int, root: String, _ console: Console) throws {
        var silent = console
        silent.writeOut = { _ in }
        silent.writeError = { _ in }
        let template = root + "/template"
        try BenchFiles(count: files).make(in: template)
        demo = try Demo(DemoOptions(workspace: template), Narrator(silent))
    }

    func start(root: String) async throws {
        try await demo.tool(["sh", "-c", PlainGit.begin, "begin", root + "/template"])
        try await demo.found()
        // Rounds begin when they are asked for, not by themselves.
        for (key, value) in [("sync.settle", "300s"), ("sync.max-wait", "3600s"), ("sync.min-interval", "1s")] {
            try await demo.baton(["config", "set", key, value], on: demo.place.laptop)
        }
        try await everyoneIsUpToDate()
        // A device that has just joined tells where it is through the log; before that nobody can fetch from it.
        try await demo.eventually("every device's address is known") {
            for report in try await reports() where !report.devices.allSatisfy({ !$0.addresses.isEmpty }) {
                return false
            }
            return true
        }
    }

    /// Sync leader and quorum leader, on whom all agree while all are there and vote.
    struct View: Sendable {
        var holder: DemoLeader
        var quorum: DemoDevice
    }

    func view() async throws -> View {
        try await demo.eventually("the three agree", within: .seconds(60)) { () -> View? in
            guard let holder = try await demo.leader(namedBy: devices) else { return nil }
            let reports = try await reports()
            let isWhole = reports.allSatisfy { report in
                report.devices.count == 3 && report.devices.allSatisfy { $0.state == "online" && $0.role != "learner" }
            }
            let quorums = Set(reports.map { $0.quorum_leader?.device })
            guard isWhole, quorums.count == 1, let id = quorums.first, let id, let quorum = device(id, reports[0])
            else { return nil }
            return View(holder: holder, quorum: quorum)
        }
    }

    private func reports() async throws -> [StatusReport] {
        var reports: [StatusReport] = []
        for device in devices { reports.append(try await demo.status(of: device)) }
        return reports
    }

    private func device(_ id: String, _ report: StatusReport) -> DemoDevice? {
        let name = report.devices.first { $0.id == id }?.name
        return devices.first { $0.name == name }
    }

    /// A round in which nobody is left out: after it every device may lead.
    func everyoneIsUpToDate() async throws {
        try await demo.eventually("a round of all three", within: .seconds(120)) {
            let report = try await demo.sync(on: devices[0])
            return report.left_out.isEmpty && report.result != "aborted"
        }
    }

    func handOff(from leader: DemoDevice, to target: DemoDevice) async throws -> HandoffReport {
        try await demo.call(ControlCall.handoff, HandoffCall(device: target.name), on: leader)
    }

    /// The view with the sync lock on another device than the quorum's leader (or on the same).
    func view(apart: Bool) async throws -> View {
        let view = try await view()
        guard (view.holder.device != view.quorum) != apart else { return view }
        try await everyoneIsUpToDate()
        let target = apart ? demo.place.others(than: view.holder.device)[0] : view.quorum
        _ = try await handOff(from: view.holder.device, to: target)
        return try await self.view()
    }

    func pid(_ device: DemoDevice) async throws -> Int32 {
        guard let pid = await demo.agents[device.name] else { throw DemoFailure("no agent of \(device.name)") }
        return pid
    }

    /// kill -9, and what is needed to start it again.
    func kill(_ device: DemoDevice) async throws -> (watch: Stopwatch, listen: String) {
        let listen = try await demo.status(of: device).agent.listen
        let pid = try await pid(device)
        let watch = Stopwatch()
        Signal.kill(pid)
        await demo.forget(device)
        return (watch, listen)
    }

    func restart(_ device: DemoDevice, listen: String) async throws {
        try await demo.baton(["up", "--listen", listen], on: device)
        try await demo.noteAgent(of: device)
    }
}

/// The system's call, where a method of ours has its name.
enum Signal {
    static func kill(_ pid: Int32) {
        #if canImport(Glibc)
            Glibc.kill(pid, SIGKILL)
        #else
            Darwin.kill(pid, SIGKILL)
        #endif
    }
}

extension Demo {
    /// The agent is gone.
    func forget(_ device: DemoDevice) {
        agents[device.name] = nil
        clients[device.name] = nil
    }
}

/// The files of the workspace: text of one to three kilobytes, a hundred in a directory.
struct BenchFiles: Sendable {
    let count: Int

    func path(_ number: Int) -> String { "part-\(number / 100)/file-\(number).txt" }

    func text(_ number: Int, version: Int) -> String {
        let lines = 20 + number % 40
        return (0..<lines).map {
            "file \(number), line \($0), version \($0 == lines / 2 ? version : 0), and some words\n"
        }
        .joined()
    }

    func make(in directory: String) throws {
        for number in 0..<count {
            if number.isMultiple(of: 100) {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/part-\(number / 100)", withIntermediateDirectories: true)
            }
            try write(number, version: 0, in: directory)
        }
    }

    func write(_ number: Int, version: Int, in directory: String) throws {
        let path = "\(directory)/\(path(number))"
        try text(number, version: version).write(toFile: path, atomically: false, encoding: .utf8)
    }

    /// 26 files: 9, 9 and 8 on the three, others each time.
    func changed(in round: Int) -> [[Int]] {
        let step = max(1, count / 26)
        let numbers = (0..<26).map { ($0 * step + round * 7) % count }
        return [Array(numbers[0..<9]), Array(numbers[9..<18]), Array(numbers[18..<26])]
    }
}
