import AgentRuntime
import ControlSocket
import Primitives

/// What somebody would type to bring three clones of one hub in step.
struct PlainGit: Sendable {
    let clones: [String]
    private let script: String

    /// A repository with one commit, packed, with no maintenance of it under way when it is copied; the demonstration's
    /// git knows no user's name.
    static let begin = """
        set -e; cd "$1"; git init -q -b main; git config user.name bench; git config user.email bench@localhost
        git add -A; git -c gc.auto=0 commit -q -m files; git gc -q
        """

    static func make(from template: String, in root: String, _ demo: Demo) async throws -> PlainGit {
        let script = """
            set -e; cd "$1"; git clone -q --bare "$2" hub.git
            for d in a b c; do
                git clone -q hub.git $d; git -C $d config user.name $d; git -C $d config user.email $d@localhost
            done
            """
        try await demo.tool(["sh", "-c", script, "clone", root, template])
        return PlainGit(
            clones: ["a", "b", "c"].map { "\(root)/\($0)" },
            script: """
                set -e
                for d in a b c; do
                    cd "\(root)/$d"; git add -A; git commit -q -m work; git pull -q --no-rebase --no-edit; git push -q
                done
                for d in a b; do cd "\(root)/$d"; git pull -q --no-rebase --no-edit; done
                """)
    }

    /// Add, commit, pull and push on each, then a pull on those that have not got everything.
    func sync(_ demo: Demo) async throws -> Duration {
        let watch = Stopwatch()
        try await demo.tool(["sh", "-c", script])
        return watch.elapsed
    }
}

extension Bench {
    /// 26 files change on three devices; a round is asked for; all trees and branches are equal. Beside it the same
    /// changes in three clones of a hub, by plain git.
    func rounds(_ mesh: BenchMesh) async throws {
        let files = BenchFiles(count: options.files)
        let plain = try await PlainGit.make(from: root + "/template", in: root, mesh.demo)
        var (took, replied, byHand, bytes) = (BenchSamples(), BenchSamples(), BenchSamples(), BenchSamples())
        var rounds: Set<String> = []
        let warmups = 2
        for number in 1...(warmups + options.runs(15, quick: 5)) {
            for (place, changed) in files.changed(in: number).enumerated() {
                for file in changed {
                    try files.write(file, version: number, in: mesh.devices[place].workspace)
                    try files.write(file, version: number, in: plain.clones[place])
                }
            }
            let sent = Self.loopbackBytes
            let watch = Stopwatch()
            let report = try await mesh.demo.sync(on: mesh.devices[0])
            let reply = watch.elapsed
            guard report.result == "published", report.changed_files == 26, let head = report.head else {
                throw DemoFailure("a round came to \(report)")
            }
            try await mesh.demo.eventually("all trees are equal", within: .seconds(20)) {
                mesh.isEverywhere(head, files, number)
            }
            let all = watch.elapsed
            let received = Self.loopbackBytes
            let hand = try await plain.sync(mesh.demo)
            guard number > warmups else { continue }
            took.add(all)
            replied.add(reply)
            byHand.add(hand)
            bytes.add(Double(received - sent) / 1024)
            if let id = report.round_id { rounds.insert(id) }
        }
        _ = try await mesh.demo.identicalTrees()
        let beside = BenchFigure.Beside(what: "plain git by hand", samples: byHand)
        add(
            BenchFigure(
                name: "round, \(options.files) files, until all trees equal", unit: "ms", samples: took, beside: beside,
                goal: .ratioAtMost(aim: 0.33, must: 0.5)))
        add(BenchFigure(name: "round, until the reply", unit: "ms", samples: replied, beside: beside))
        add(
            BenchFigure(
                name: "writers' pause, each device", unit: "ms", samples: try await mesh.pauses(in: rounds),
                beside: .init(what: "the round", samples: took)))
        add(BenchFigure(name: "bytes on loopback in a round", unit: "KiB", samples: bytes))
    }

    /// Of the whole machine; what others send in that moment is in it.
    static var loopbackBytes: UInt64 {
        for line in String(fileAt: "/proc/net/dev").split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" })
            if words.first == "lo", words.count > 1 { return UInt64(words[1]) ?? 0 }
        }
        return 0
    }
}

extension BenchMesh {
    /// Whether each branch names the head and each tree has each of the changed files.
    func isEverywhere(_ head: String, _ files: BenchFiles, _ round: Int) -> Bool {
        devices.allSatisfy { device in
            String(fileAt: device.workspace + "/.git/refs/heads/main").trimmed == head
                && files.changed(in: round).joined().allSatisfy { file in
                    String(fileAt: "\(device.workspace)/\(files.path(file))") == files.text(file, version: round)
                }
        }
    }

    /// How long each device held its writers, by its audit.
    func pauses(in rounds: Set<String>) async throws -> BenchSamples {
        var samples = BenchSamples()
        for device in devices {
            for row in try await demo.audit(of: device, kind: "pause") {
                guard let round = row.round, rounds.contains(round),
                    let held = row.detail("held_ms").flatMap(Double.init)
                else { continue }
                samples.add(held)
            }
        }
        return samples
    }
}
