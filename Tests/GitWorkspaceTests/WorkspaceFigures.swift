import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Figures, not checks: `BATON_FIGURES=1000,10000 swift test -c release -Xswiftc -enable-testing --filter Figures`.
@Suite(.serialized, .enabled(if: getenv("BATON_FIGURES") != nil)) struct WorkspaceFigures {
    static var sizes: [Int] {
        getenv("BATON_FIGURES").map { String(cString: $0).split(separator: ",").compactMap { Int($0) } } ?? []
    }

    private func populate(_ scratch: Scratch, files: Int) throws {
        for number in 0..<files {
            let text = String(repeating: "file \(number) some text of a line\n", count: 40 + number % 50)
            try scratch.write("work/d\(number % 97)/e\(number % 11)/f\(number)", text)
        }
    }

    private func edit(_ device: MeshFixture.Device, _ numbers: Range<Int>, _ step: Int) throws {
        for number in numbers {
            let text = String(repeating: "changed \(number) in step \(step)\n", count: 60)
            try device.write("d\(number % 97)/e\(number % 11)/f\(number)", text)
        }
    }

    private func line(_ name: String, _ times: [Duration]) {
        let sorted = times.sorted()
        let digits = { (duration: Duration) in
            String(
                format: "%.1f",
                Double(duration.components.attoseconds) / 1e15 + Double(duration.components.seconds) * 1e3)
        }
        print("figure: \(name): median \(digits(sorted[sorted.count / 2])) min \(digits(sorted[0])) ms")
    }

    private func timed(_ name: inout [Duration], _ body: () async throws -> Void) async throws {
        let start = ContinuousClock.now
        try await body()
        name.append(ContinuousClock.now - start)
    }

    @Test(arguments: sizes) func rounds(files: Int) async throws {
        var mesh = try await MeshFixture(3) { number, scratch in
            if number == 0 { try self.populate(scratch, files: files) }
        }
        let first = ContinuousClock.now
        try await mesh.round()
        line("\(files) files, first round", [ContinuousClock.now - first])
        var (captures, clean, dirts, gathers, merges): ([Duration], [Duration], [Duration], [Duration], [Duration]) =
            ([], [], [], [], [])
        var (stages, sends, publishes, applies, wholes): ([Duration], [Duration], [Duration], [Duration], [Duration]) =
            ([], [], [], [], [])
        for step in 0..<9 {
            try await timed(&clean) {
                _ = try await mesh[0].workspace.capture(round: RoundID(token: .none, sequence: 1))
            }
            for number in 0..<3 { try edit(mesh[number], number * 9..<number * 9 + 9, step) }
            try await Task.sleep(for: .milliseconds(20))
            try await timed(&dirts) { _ = try await mesh[0].workspace.dirt() }
            let round = mesh.nextRound()
            let whole = ContinuousClock.now
            var given: [DeviceCapture] = []
            for number in 0..<3 {
                try await timed(&captures) {
                    let result = try await mesh[number].workspace.capture(round: round)
                    guard case .captured(let revision, let base, _, _) = result else { return }
                    let device = DeviceID(number: UInt64(number + 1))
                    given.append(DeviceCapture(device: device, revision: revision, base: base))
                }
            }
            for number in 1..<3 {
                try await timed(&gathers) {
                    try await mesh.transfer(given[number].revision, from: number, to: 0, captureOf: number)
                }
            }
            var result: MergeResult?
            let head = mesh.head
            try await timed(&merges) {
                result = try await mesh[0].workspace.merge(head: head, captures: given, round: round)
            }
            let merged = try #require(result).revision
            try await timed(&stages) { try await mesh[0].workspace.stage(merged, round: round) }
            for number in 1..<3 {
                try await timed(&sends) { try await mesh.transfer(merged, from: 0, to: number) }
                try await timed(&stages) { try await mesh[number].workspace.stage(merged, round: round) }
            }
            for number in 0..<3 {
                try await timed(&publishes) { try await mesh[number].workspace.publishedHead(merged) }
                try await timed(&applies) { _ = try await mesh[number].workspace.apply(merged, round: round) }
            }
            mesh.head = merged
            wholes.append(ContinuousClock.now - whole)
        }
        for (name, times) in [
            ("clean capture", clean), ("dirt, 9 changed", dirts), ("capture, 9 changed", captures),
            ("gather one capture", gathers), ("merge of three", merges), ("stage", stages),
            ("send the merge", sends), ("publish ref", publishes), ("apply", applies),
            ("whole round of three, in sequence", wholes),
        ] { line("\(files) files, \(name)", times) }
        try edit(mesh[0], 0..<26, 99)
        try await Task.sleep(for: .milliseconds(20))
        var alone: [Duration] = []
        for step in 0..<9 {
            try edit(mesh[0], 0..<26, 100 + step)
            try await Task.sleep(for: .milliseconds(20))
            try await timed(&alone) {
                _ = try await mesh[0].workspace.capture(round: RoundID(token: .none, sequence: 1))
            }
        }
        line("\(files) files, capture, 26 changed", alone)
    }
}
