"""How the view begins, and what it says where it cannot."""

import socket

from lab.view.__main__ import key_for, main


def test_a_folder_that_is_none_is_refused_with_what_to_do(tmp_path, capsys):
    assert main(["--data", str(tmp_path / "nothing")]) == 2
    assert "is no folder: give the data folder of a lab, such as --data demo/data" in capsys.readouterr().err
    assert main(["--data", str(tmp_path)]) == 2
    assert "holds no journal" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_told(folder, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--data", str(folder.data), "--port", str(port)]) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err
    assert main(["--data", str(folder.data), "--port", "99999999"]) == 2
    assert "--port 0 takes a free one" in capsys.readouterr().err


def test_where_no_key_can_be_kept_there_is_one_for_this_time(tmp_path, caplog):
    (tmp_path / "view").write_text("a file where the folder of the key would be")
    assert len(key_for(tmp_path)) >= 20
    assert "the link below is the only way in" in caplog.text
