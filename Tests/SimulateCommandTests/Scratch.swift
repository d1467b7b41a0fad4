import Foundation
import ScenarioFiles

@testable import SimulateCommand

/// A folder that goes away with the test.
struct Scratch: ~Copyable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "simulate-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
}

/// A mesh of two, for a few simulated seconds.
let small = """
    scenario small
    cluster laptop desktop
    workload writers=1 rate=2/s
    chaos 5s
    at 2s isolate desktop for 1s
    heal quiet=1s
    expect always all
    expect sometimes round-published
    seeds 1..4
    """

extension Study {
    static func of(_ text: String) throws -> Study {
        let file = try ScenarioParser.parse(path: "x.sim", bytes: Array(text.utf8))
        return Study(path: "x.sim", file: file, file.seeds)
    }
}
