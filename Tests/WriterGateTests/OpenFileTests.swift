import Foundation
import Testing

@testable import WriterGate

/// Who has files of a workspace open for writing, as `/proc` shows it.
@Suite struct OpenFileTests {
    @Test(arguments: [
        (["/usr/bin/python3", "/home/me/nightly.py", "-v"], "nightly.py"), (["/bin/sh", "nightly.sh"], "nightly.sh"),
        (["sh", "-c", "echo x"], "sh"), (["/usr/bin/vim", "plan.md"], "vim"), (["-bash"], "bash"),
        (["python3"], "python3"), (["node", "/opt/tool/index.js"], "index.js"),
    ])
    func aProgramIsCalledByItsScript(words: [String], name: String) { #expect(ProgramName.from(words) == name) }

    @Test func nothingIsCalledNothing() {
        #expect(ProgramName.from([]) == nil && ProgramName.from([""]) == nil && ProgramName.from(["/"]) == nil)
    }

    #if os(Linux)
        @Test func `W1 a program outside of the gate is found by the file that it has open for writing`() async throws {
            let place = try Place()
            defer { place.remove() }
            place.write("workspace/read.md", "text\n")
            place.write(
                "nightly.sh",
                """
                exec 3>> '\(place.workspace)/log.md' 4< '\(place.workspace)/read.md'
                echo one >&3; echo $$ > '\(place.file("pid"))'; read -r end
                """)
            let program = Process()
            program.executableURL = URL(fileURLWithPath: "/bin/sh")
            program.arguments = [place.file("nightly.sh")]
            let input = Pipe()
            program.standardInput = input
            try program.run()
            let pid = try await place.number("pid")
            let found = OpenFile.forWriting(below: place.workspace, except: [])
            #expect(found.map(\.name) == ["nightly.sh"] && found.map(\.path) == ["log.md"])
            #expect(found.map(\.pid) == [pid])
            let entry = try #require(ProcessTable.entry(pid))
            let group = ProcessGroupID(group: entry.group, leaderStart: entry.start)
            #expect(OpenFile.forWriting(below: place.workspace, except: [group]).isEmpty)
            #expect(OpenFile.forWriting(below: place.path + "/other", except: []).isEmpty)
            try input.fileHandleForWriting.close()
            program.waitUntilExit()
            #expect(OpenFile.forWriting(below: place.workspace, except: []).isEmpty)
        }
    #endif
}
