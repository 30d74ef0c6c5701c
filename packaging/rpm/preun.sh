# A run that is stopped cleans up; an upgrade does not stop it.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now pgwitness.timer || :
    systemctl stop pgwitness.service || :
fi
